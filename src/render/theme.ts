/** Colours by meaning, and a plain theme without colours. */
import chalk from 'chalk';

type Paint = (text: string) => string;

export interface Theme {
  readonly title: Paint;
  /** Offsets and lengths. */
  readonly place: Paint;
  readonly name: Paint;
  readonly value: Paint;
  /** Packets of the client, and those of the gateway. */
  readonly client: Paint;
  readonly server: Paint;
  readonly error: Paint;
  readonly warning: Paint;
  readonly note: Paint;
}

const same: Paint = (text) => text;

export const plain: Theme = {
  title: same,
  place: same,
  name: same,
  value: same,
  client: same,
  server: same,
  error: same,
  warning: same,
  note: same,
};

/** The theme for a terminal. It prints colours only if chalk's level allows them. */
export const colours: Theme = {
  title: chalk.bold,
  place: chalk.dim,
  name: chalk.cyan,
  value: same,
  client: chalk.green,
  server: chalk.magenta,
  error: chalk.red,
  warning: chalk.yellow,
  note: chalk.blue,
};
