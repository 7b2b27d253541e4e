// What a row of repetitions says: medians, spread, ratios to the relays of the same repetition, goals.
import { median } from './measure.js';

/** A result is `{ cell, relays: [{ key, name, figures }] }` with one set of figures for each repetition. */
export function summary({ relays }, relay, key) {
  const values = relay.figures.map((figures) => figures[key]);
  return { median: median(values), least: Math.min(...values), most: Math.max(...values), relays: relays.length };
}

/** The median of the ratios within each repetition: the machine is not the same from one to the next. */
export function ratio(relay, other, key) {
  const each = relay.figures.map((figures, repetition) => figures[key] / other.figures[repetition][key]);
  return { median: median(each), least: Math.min(...each), most: Math.max(...each) };
}

/** `relay` under a key, undefined where the cell has none. */
export const relayOf = ({ relays }, key) => relays.find((relay) => relay.key === key);

/** Each goal of the cell: what was reached and whether that is enough. `met` is undefined where nothing was measured. */
export function goalsOf(result) {
  return result.cell.goals.map((goal) => {
    const reached = reach(result, goal);
    if (!reached) return { goal, met: 'not measured' };
    const missed = reached.median - limitOf(goal);
    const met = missed <= 0 ? 'yes' : missed < reached.most - reached.least ? 'within the spread' : 'no';
    return { goal, reached, met };
  });
}

const limitOf = ({ limit, added }) => added ?? limit;

function reach(result, { key, against, of = 'gateway', added }) {
  const relay = relayOf(result, of);
  if (!relay) return undefined;
  if (against === undefined) return summary(result, relay, key);
  const other = relayOf(result, against);
  if (!other) return undefined;
  if (added === undefined) return ratio(relay, other, key);
  const each = relay.figures.map((figures, repetition) => figures[key] - other.figures[repetition][key]);
  return { median: median(each), least: Math.min(...each), most: Math.max(...each) };
}
