// The command line of the benchmark.
import { parseArgs } from 'node:util';

/** The defaults. Those of --quick are short enough for every push, but too short for meaningful figures. */
const NORMAL = {
  reps: '5',
  seconds: '1',
  warmUp: 0.5,
  settle: 0.15,
  rest: 1.5,
  rounds: 5,
  clients: 6,
  handshakes: 50,
};
const QUICK = {
  reps: '1',
  seconds: '0.15',
  warmUp: 0.05,
  settle: 0.05,
  rest: 0.1,
  rounds: 1,
  clients: 2,
  handshakes: 5,
};

/** The command line is invalid. */
export class UsageError extends Error {}

export function readOptions() {
  const values = parse({
    options: {
      quick: { type: 'boolean', default: false },
      cells: { type: 'string' },
      relays: { type: 'string', default: 'gateway,dual,crossed,pipe,haproxy,raw' },
      reps: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      node: { type: 'string', multiple: true, default: [] },
      versions: { type: 'string', default: '' },
      realtime: { type: 'boolean', default: false },
      'relay-cores': { type: 'string', default: '0' },
      'load-core': { type: 'string', default: '1' },
      'serve-args': { type: 'string', default: '' },
    },
  });
  const defaults = values.quick ? QUICK : NORMAL;
  return {
    ...defaults,
    quick: values.quick,
    cells: values.cells === undefined ? undefined : list(values.cells),
    relays: list(values.relays),
    reps: positive('reps', values.reps ?? defaults.reps),
    seconds: positive('seconds', values.seconds ?? defaults.seconds),
    json: values.json,
    markdown: values.markdown,
    paths: values.node,
    versions: list(values.versions),
    realtime: values.realtime,
    relayCores: values['relay-cores'],
    loadCore: values['load-core'],
    serveArgs: list(values['serve-args'], ' '),
  };
}

function parse(config) {
  try {
    return parseArgs(config).values;
  } catch (error) {
    throw new UsageError(
      `${error.message.split('. ')[0]}; the options are --${Object.keys(config.options).join(' --')}`,
    );
  }
}

function positive(name, text) {
  const number = Number(text);
  if (number > 0) return number;
  throw new UsageError(`--${name} must be a number above 0, not "${text}"`);
}

function list(text, separator = ',') {
  return text.split(separator).filter(Boolean);
}
