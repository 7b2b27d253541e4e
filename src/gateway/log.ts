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

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  readonly write: (line: string) => void;
}

export function createLog({ level, format, write }: LogOptions): Log {
  const stream: DestinationStream = { write: format === 'json' ? write : (line) => write(textLine(line)) };
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return wrap(pino(options, stream));
}

function wrap(logger: pino.Logger): Log {
  return {
    debug: (event, fields = {}) => logger.debug(fields, event),
    info: (event, fields = {}) => logger.info(fields, event),
    warn: (event, fields = {}) => logger.warn(fields, event),
    error: (event, fields = {}) => logger.error(fields, event),
    with: (fields) => wrap(logger.child(fields)),
  };
}

/** `2026-11-23T22:10:00.123Z info  channel opened user=alice target=10.0.0.5:3389` */
function textLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${textValue(value)}`);
  return `${time} ${String(level).padEnd(5)} ${msg}${pairs.join('')}\n`;
}

/** Bare where that is unmistakable, else a JSON string in ASCII: no control character, bidi mark or newline gets through. */
function textValue(value: unknown): string {
  const text = Array.isArray(value) ? value.join(',') : String(value);
  if (/^[\w.:/@[\]{}*+,()-]+$/.test(text)) return text;
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
