// Statistics over repetitions: median, spread, ratio to another relay in the same repetition, goals.
import { median } from './measure.js';

/**
 * Median and spread of one figure. A result is `{ cell, relays: [{ key, name, figures }] }` with `figures` by
 * repetition.
 */
export function summary(relay, key) {
  return spreadOf(relay.figures.map((figures) => figures[key]));
}

/**
 * Median and spread of the ratios within each repetition, because the speed of the machine changes between repetitions.
 */
export function ratio(relay, other, key) {
  return spreadOf(relay.figures.map((figures, repetition) => figures[key] / other.figures[repetition][key]));
}

function difference(relay, other, key) {
  return spreadOf(relay.figures.map((figures, repetition) => figures[key] - other.figures[repetition][key]));
}

/** Ignores repetitions without a figure, in which no data arrived. */
function spreadOf(values) {
  const known = values.filter(Number.isFinite);
  return { median: known.length > 0 ? median(known) : NaN, least: Math.min(...known), most: Math.max(...known) };
}

/** The relay with this key, or undefined if the cell does not include it. */
export const relayOf = ({ relays }, key) => relays.find((relay) => relay.key === key);

/** The relays of a result. A cell with rows has each of its rows instead. */
export function linesOf({ rows }, relays) {
  if (!rows) return relays;
  return relays.flatMap(({ figures, ...relay }) =>
    rows.map(({ key, title }) => ({
      ...relay,
      key,
      name: relays.length > 1 ? `${title}, ${relay.name}` : title,
      figures: figures.map((all) => all[key]),
    })),
  );
}

/** Each goal of the cell with the measured value and the verdict. */
export function goalsOf(result) {
  return result.cell.goals.map((goal) => {
    const line = goal.worst ? worstLine(result, goal) : undefined;
    const reached = line ? summary(line, goal.key) : goalValue(result, goal);
    return { goal, reached, met: verdict(goal, reached), ...(line && { line: line.name }) };
  });
}

/** A goal that is missed by less than the spread of the repetitions counts neither as met nor as missed. */
function verdict({ limit, added = limit }, reached) {
  if (!reached || !Number.isFinite(reached.median)) return 'not measured';
  const missed = reached.median - added;
  if (missed <= 0) return 'yes';
  return missed < reached.most - reached.least ? 'within the spread' : 'no';
}

/** The result as JSON data: the figures of every repetition, their summary, and the goals. */
export function reportOf(result) {
  const { name, title, columns } = result.cell;
  const relays = result.relays.map((relay) => {
    const figures = Object.fromEntries(columns.map(({ key }) => [key, summary(relay, key)]));
    return { key: relay.key, name: relay.name, figures, repetitions: relay.figures };
  });
  return { cell: name, title, relays, goals: goalsOf(result) };
}

function worstLine({ relays }, { key }) {
  return relays.toSorted((one, other) => summary(other, key).median - summary(one, key).median)[0];
}

function goalValue(result, { key, against, of = 'gateway', added }) {
  const relay = relayOf(result, of);
  if (relay && against === undefined) return summary(relay, key);
  const other = relayOf(result, against);
  if (!relay || !other) return undefined;
  return added === undefined ? ratio(relay, other, key) : difference(relay, other, key);
}
