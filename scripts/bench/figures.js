// What a row of repetitions says: medians, spread, ratios to the relays of the same repetition, goals.
import { median } from './measure.js';

/** A result is `{ cell, relays: [{ key, name, figures }] }` with one set of figures for each repetition. */
export function summary(relay, key) {
  return spreadOf(relay.figures.map((figures) => figures[key]));
}

/** The median of the ratios within each repetition: the machine is not the same from one to the next. */
export function ratio(relay, other, key) {
  return spreadOf(relay.figures.map((figures, repetition) => figures[key] / other.figures[repetition][key]));
}

function difference(relay, other, key) {
  return spreadOf(relay.figures.map((figures, repetition) => figures[key] - other.figures[repetition][key]));
}

/** A repetition in which nothing came through has no figure. */
function spreadOf(values) {
  const known = values.filter(Number.isFinite);
  return { median: known.length > 0 ? median(known) : NaN, least: Math.min(...known), most: Math.max(...known) };
}

/** The relay with a key, undefined where the cell has none. */
export const relayOf = ({ relays }, key) => relays.find((relay) => relay.key === key);

/** Each goal of the cell: what was reached, and whether that is enough. */
export function goalsOf(result) {
  return result.cell.goals.map((goal) => {
    const reached = reach(result, goal);
    return { goal, reached, met: verdict(goal, reached) };
  });
}

/** A goal missed by less than the spread of the runs is met as far as one can tell. */
function verdict({ limit, added = limit }, reached) {
  if (!reached || !Number.isFinite(reached.median)) return 'not measured';
  const missed = reached.median - added;
  if (missed <= 0) return 'yes';
  return missed < reached.most - reached.least ? 'within the spread' : 'no';
}

/** For programs: every figure of every repetition, and what was made of them. */
export function plain(result) {
  const { name, title, columns } = result.cell;
  const relays = result.relays.map((relay) => {
    const figures = Object.fromEntries(columns.map(({ key }) => [key, summary(relay, key)]));
    return { key: relay.key, name: relay.name, figures, repetitions: relay.figures };
  });
  return { cell: name, title, relays, goals: goalsOf(result) };
}

function reach(result, { key, against, of = 'gateway', added }) {
  const relay = relayOf(result, of);
  if (relay && against === undefined) return summary(relay, key);
  const other = relayOf(result, against);
  if (!relay || !other) return undefined;
  return added === undefined ? ratio(relay, other, key) : difference(relay, other, key);
}
