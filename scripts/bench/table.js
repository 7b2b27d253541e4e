// Formats results as text for a terminal and as Markdown.
import { goalsOf, ratio, relayOf, summary } from './figures.js';

/** The relays that ratios refer to, with the title of the column. */
const REFERENCES = [
  ['pipe', '× pipe'],
  ['haproxy', '× haproxy'],
];
/** Widths of the columns. A line has fewer than 100 characters. */
const NAME = 24;
const NARROW = 11;
const WIDE = 22;

/** The results of one cell for a terminal. */
export function textOf(result) {
  const [head, ...lines] = rowsOf(result);
  const line = ([name, ...columns]) =>
    name.padEnd(NAME) + columns.map((text, index) => text.padStart(widthOf(result.cell, index))).join('');
  return [
    `${result.cell.name}: ${result.cell.title}`,
    line(head),
    ...lines.map(line),
    ...goalsOf(result).map((goal) => `  goal: ${[...describeGoal(goal), goal.met].join(': ')}`),
    '',
  ].join('\n');
}

/** The results of all cells in Markdown: one table for each set of columns, and one of the goals. */
export function markdownOf(results) {
  const columnSets = [...new Set(results.map(({ cell }) => cell.columns))];
  const tables = columnSets.map((columns) => {
    const sameColumns = results.filter(({ cell }) => cell.columns === columns);
    const rows = sameColumns.flatMap((result) => {
      const [, ...relays] = rowsOf(result);
      return relays.map((row) => [result.cell.title, ...row]);
    });
    return markdownTable([['cell', ...rowsOf(sameColumns[0])[0]], ...rows]);
  });
  const goals = results.flatMap((result) =>
    goalsOf(result).map((goal) => [result.cell.title, ...describeGoal(goal), goal.met]),
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

/** The heading, followed by a row for each relay. */
function rowsOf(result) {
  const { cell, relays } = result;
  const compared = cell.columns.find((column) => column.compared);
  const references = cell.rows ? [] : REFERENCES;
  const head = [
    cell.rows ? 'input' : 'relay',
    ...cell.columns.map(({ title }) => title),
    ...references.map(([, title]) => title),
  ];
  const rows = relays.map((relay) => [
    relay.name,
    ...cell.columns.map((column) => figure(relay, column)),
    ...references.map(([key]) => {
      const other = relayOf(result, key);
      return other ? number(ratio(relay, other, compared.key).median, 2) : NO_VALUE;
    }),
  ]);
  return [head, ...rows];
}

function figure(relay, { key, digits, compared }) {
  const measured = summary(relay, key);
  return compared ? withSpread(measured, digits) : number(measured.median, digits);
}

function withSpread({ median, least, most }, digits) {
  if (!Number.isFinite(median)) return NO_VALUE;
  return `${number(median, digits)} (${number(least, digits)}–${number(most, digits)})`;
}

function number(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits) : NO_VALUE;
}

const NO_VALUE = '–';
const NAMES = {
  pipe: 'the Node TLS pipe',
  haproxy: 'haproxy',
  gateway: 'the WebSocket',
  dual: 'the dual channel in one process',
};

/** The goal and the measured value as text. */
function describeGoal({ goal, reached, line }) {
  const { key, against, limit, added } = goal;
  const relation = added === undefined ? 'against' : 'more than';
  const what = against === undefined ? key : `${key} ${relation} ${NAMES[against]}`;
  const where = line === undefined ? '' : ` (worst: ${line})`;
  const isRatio = against !== undefined && added === undefined;
  const most = added ?? limit;
  return [`${what}${where} at most ${most}`, reached ? withSpread(reached, isRatio || most < 1 ? 2 : 1) : NO_VALUE];
}
