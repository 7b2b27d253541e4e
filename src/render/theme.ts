/** Colour by meaning. The plain theme is what tests compare and what a pipe gets. */
import chalk from 'chalk';

type Paint = (text: string) => string;

export interface Theme {
  readonly title: Paint;
  /** Offsets and lengths. */
  readonly place: Paint;
  readonly name: Paint;
  readonly value: Paint;
  /** What the client sent, and what the gateway sent. */
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

/** For a terminal; whether colours come out is chalk's level to decide. */
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
