// The figures as text for a terminal and as Markdown for a page.
import { goalsOf, ratio, relayOf, summary } from './figures.js';

/** Ratios are given to these; their names in a heading. */
const REFERENCES = [
  ['pipe', '× pipe'],
  ['haproxy', '× haproxy'],
];
/** Widths of the columns; a line stays below a hundred characters. */
const NAME = 24;
const NARROW = 11;
const WIDE = 22;

/** One cell for a terminal. */
export function textOf(result) {
  const [head, ...lines] = rowsOf(result);
  const line = ([name, ...columns]) =>
    name.padEnd(NAME) + columns.map((text, index) => text.padStart(widthOf(result.cell, index))).join('');
  return [
    `${result.cell.name}: ${result.cell.title}`,
    line(head),
    ...lines.map(line),
    ...goalsOf(result).map((goal) => `  goal: ${goalWords(goal)}: ${goal.met}`),
    '',
  ].join('\n');
}

/** All cells for a page: one table for each kind of figures, and the goals. */
export function markdownOf(results) {
  const kinds = [...new Set(results.map(({ cell }) => cell.columns))];
  const tables = kinds.map((columns) => {
    const alike = results.filter(({ cell }) => cell.columns === columns);
    const rows = alike.flatMap((result) => {
      const [, ...relays] = rowsOf(result);
      return relays.map((row) => [result.cell.title, ...row]);
    });
    return markdownTable([['cell', ...rowsOf(alike[0])[0]], ...rows]);
  });
  const goals = results.flatMap((result) =>
    goalsOf(result).map((goal) => [result.cell.title, ...goalWords(goal).split(': '), goal.met]),
  );
  if (goals.length > 0) tables.push(markdownTable([['cell', 'goal', 'measured', 'met'], ...goals]));
  return tables.join('\n');
}

function markdownTable([head, ...rows]) {
  const line = (columns) => `| ${columns.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line), ''].join('\n');
}

function widthOf({ columns }, index) {
  return columns[index]?.compared ? WIDE : NARROW;
}

/** The heading, then a row for each relay. */
function rowsOf(result) {
  const { cell, relays } = result;
  const compared = cell.columns.find((column) => column.compared);
  const head = ['', ...cell.columns.map(({ title }) => title), ...REFERENCES.map(([, title]) => title)];
  const rows = relays.map((relay) => [
    relay.name,
    ...cell.columns.map((column) => figure(result, relay, column)),
    ...REFERENCES.map(([key]) => {
      const other = relayOf(result, key);
      return other ? ratio(relay, other, compared.key).median.toFixed(2) : '–';
    }),
  ]);
  return [head, ...rows];
}

function figure(result, relay, { key, digits, compared }) {
  const { median, least, most } = summary(result, relay, key);
  const spread = compared ? ` (${least.toFixed(digits)}–${most.toFixed(digits)})` : '';
  return median.toFixed(digits) + spread;
}

const NAMES = { pipe: 'the Node TLS pipe', haproxy: 'haproxy', gateway: 'the WebSocket' };

function goalWords({ goal, reached }) {
  const { key, against, limit, added } = goal;
  const what =
    against === undefined
      ? key
      : added === undefined
        ? `${key} against ${NAMES[against]}`
        : `${key} more than ${NAMES[against]}`;
  const digits = against === undefined || added !== undefined ? 1 : 2;
  const measured = reached
    ? `${reached.median.toFixed(digits)} (${reached.least.toFixed(digits)}–${reached.most.toFixed(digits)})`
    : '–';
  return `${what} at most ${added ?? limit}: ${measured}`;
}
