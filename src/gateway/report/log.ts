/**
 * The log: one line per event. Values may come from attackers, so lines escape every character that a terminal may
 * interpret.
 */
import { type DestinationStream, pino } from 'pino';
import { EVENTS, type LogEvent, type LogLevel } from './events.js';
import { escapeUnprintable } from './printable.js';

export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Log {
  /**
   * Logs an event with the level and the message of its row in EVENTS. `fields` describe its subject. INVARIANT: no field ever holds a
   * token or a key.
   */
  event(event: LogEvent, fields?: LogFields): void;
  /** Returns a log that adds these fields to every line. */
  with(fields: LogFields): Log;
}

/** Both may change while the log is in use. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
}

export interface LogOptions extends LogSettings {
  readonly write: (line: string) => void;
}

/** The log from which all others are derived. */
export interface RootLog extends Log {
  /** Applies from the next line on, in this log and all derived ones. */
  adjust(settings: LogSettings): void;
}

/**
 * In characters. Longer values are cut, with the number of characters that are left out. A DNS name has at most 253, and
 * clients send names of up to 64 KiB.
 */
export const NAME_MAX = 255;
/**
 * In characters, for sentences and paths, which the gateway or its operator wrote for the most part, and for lists. The
 * targets of one request are such a list, and the ports of the longest names must be seen.
 */
export const TEXT_MAX = 1024;
const TEXT_FIELDS: ReadonlySet<string> = new Set([
  'reason',
  'detail',
  'hint',
  'warning',
  'place',
  'file',
  'url',
  'target',
]);

export function createLog(options: LogOptions): RootLog {
  return new ScopedLog(new Writer(options), {});
}

/** Writes the events of the selected level and above as lines: JSON by pino, or text. */
class Writer {
  readonly #write: (line: string) => void;
  readonly #logger: pino.Logger;
  #settings: LogSettings;

  constructor({ write, ...settings }: LogOptions) {
    this.#write = write;
    this.#settings = settings;
    const stream: DestinationStream = { write: (line) => write(`${escapeUnprintable(line.trimEnd())}\n`) };
    const options = {
      // The lowest level: `Writer.log` filters, since a change of pino's level does not reach its child loggers.
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

  log(event: LogEvent, always: LogFields, fields: LogFields | undefined): void {
    const { level, message } = EVENTS[event];
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#settings.level)) return;
    const all = { event, ...shortened({ ...always, ...fields }) };
    if (this.#settings.format === 'json') this.#logger[level](all, message);
    else this.#write(textLine(level, message, all));
  }
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Holds only the writer and its fields: each session has several logs, and a child logger of pino takes a kilobyte. */
class ScopedLog implements RootLog {
  readonly #writer: Writer;
  readonly #fields: LogFields;

  constructor(writer: Writer, fields: LogFields) {
    this.#writer = writer;
    this.#fields = fields;
  }

  event(event: LogEvent, fields?: LogFields): void {
    this.#writer.log(event, this.#fields, fields);
  }

  with(fields: LogFields): Log {
    return new ScopedLog(this.#writer, { ...this.#fields, ...fields });
  }

  adjust(settings: LogSettings): void {
    this.#writer.adjust(settings);
  }
}

/** Cuts values, so that no client can make a line of more than a few kilobytes. */
function shortened(fields: LogFields): LogFields {
  const short: Record<string, LogFields[string]> = {};
  for (const [name, value] of Object.entries(fields)) {
    const max = TEXT_FIELDS.has(name) ? TEXT_MAX : NAME_MAX;
    if (typeof value === 'string') short[name] = cut(value, max);
    else if (typeof value === 'object') short[name] = cutList(value);
    else short[name] = value;
  }
  return short;
}

/** `aaaa… (31745 more characters)` */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  // Not in the middle of a surrogate pair.
  const end = /[\ud800-\udbff]/.test(text.charAt(max - 1)) ? max - 1 : max;
  return `${text.slice(0, end)}… (${text.length - end} more characters)`;
}

/** The names of a list together have at most TEXT_MAX characters. */
function cutList(list: readonly string[]): readonly string[] {
  const names: string[] = [];
  let room = TEXT_MAX;
  for (const name of list) {
    const short = cut(name, NAME_MAX);
    room -= short.length;
    if (room < 0) return [...names, `… (${list.length - names.length} more)`];
    names.push(short);
  }
  return names;
}

/** `2026-11-23T22:10:00.123Z info  channel opened event=channel.opened user=alice target=10.0.0.5:3389` */
function textLine(level: LogLevel, message: string, fields: LogFields): string {
  let line = `${new Date().toISOString()} ${level.padEnd(5)} ${message}`;
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) line += ` ${name}=${textValue(value)}`;
  return `${line}\n`;
}

/**
 * Unquoted where that is unambiguous, else a JSON string. Letters of all scripts are shown, and what is not safe to print
 * is escaped.
 */
function textValue(value: NonNullable<LogFields[string]>): string {
  const text = String(value);
  const quoted = escapeUnprintable(JSON.stringify(text));
  return /^[\p{L}\p{M}\p{N}_.:/@[\]{}*+,()-]+$/u.test(text) && quoted === `"${text}"` ? text : quoted;
}
