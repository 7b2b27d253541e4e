/** One line per event. Values come from hostile places: text lines escape whatever a terminal might act upon. */
import { type DestinationStream, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** INVARIANT: no field ever holds a token or a key. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** The same log with these fields on every line. */
  with(fields: LogFields): Log;
}

/** Level and form; both may change while the log is in use. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
}

export interface LogOptions extends LogSettings {
  readonly write: (line: string) => void;
}

/** The log that every other one comes from. */
export interface RootLog extends Log {
  /** From the next line on, in every log that came from this one as well. */
  adjust(settings: LogSettings): void;
}

export function createLog(options: LogOptions): RootLog {
  return new OurLog(new Writer(options), {});
}

/** An event, if it is one that is told, as a line in the form that is wanted: pino's for programs, our own for people. */
class Writer {
  readonly #write: (line: string) => void;
  readonly #logger: pino.Logger;
  #settings: LogSettings;

  constructor({ write, ...settings }: LogOptions) {
    this.#write = write;
    this.#settings = settings;
    const stream: DestinationStream = { write };
    const options = {
      // The most there is: pino's own level would not change in what comes from it.
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    this.#logger = pino(options, stream);
  }

  adjust(settings: LogSettings): void {
    this.#settings = settings;
  }

  tell(level: LogLevel, event: string, always: LogFields, fields: LogFields | undefined): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#settings.level)) return;
    const all = { ...always, ...fields };
    if (this.#settings.format === 'json') this.#logger[level](all, event);
    else this.#write(textLine(level, event, all));
  }
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Holds its fields and nothing else: each session has several, and a child of pino weighs a kilobyte. */
class OurLog implements RootLog {
  readonly #writer: Writer;
  readonly #fields: LogFields;

  constructor(writer: Writer, fields: LogFields) {
    this.#writer = writer;
    this.#fields = fields;
  }

  debug(event: string, fields?: LogFields): void {
    this.#writer.tell('debug', event, this.#fields, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#writer.tell('info', event, this.#fields, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#writer.tell('warn', event, this.#fields, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#writer.tell('error', event, this.#fields, fields);
  }

  with(fields: LogFields): Log {
    return new OurLog(this.#writer, { ...this.#fields, ...fields });
  }

  adjust(settings: LogSettings): void {
    this.#writer.adjust(settings);
  }
}

/** `2026-11-23T22:10:00.123Z info  channel opened user=alice target=10.0.0.5:3389` */
function textLine(level: LogLevel, event: string, fields: LogFields): string {
  let line = `${new Date().toISOString()} ${level.padEnd(5)} ${event}`;
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) line += ` ${name}=${textValue(value)}`;
  return `${line}\n`;
}

/** Bare where that is unmistakable, else a JSON string in ASCII: no control character, bidi mark or newline gets through. */
function textValue(value: NonNullable<LogFields[string]>): string {
  const text = String(value);
  if (/^[\w.:/@[\]{}*+,()-]+$/.test(text)) return text;
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
