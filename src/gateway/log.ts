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

export function createLog({ write, ...settings }: LogOptions): RootLog {
  let { level, format }: LogSettings = settings;
  const stream: DestinationStream = { write: (line) => write(format === 'json' ? line : textLine(line)) };
  const options = {
    // The most there is: a child of pino keeps the level of its birth, so that ours is looked at in `wrap`.
    level: 'debug',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const isTold = (of: LogLevel): boolean => LEVELS.indexOf(of) >= LEVELS.indexOf(level);
  return {
    ...wrap(pino(options, stream), isTold),
    adjust(to) {
      ({ level, format } = to);
    },
  };
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function wrap(logger: pino.Logger, isTold: (level: LogLevel) => boolean): Log {
  const teller =
    (level: LogLevel): Log[LogLevel] =>
    (event, fields = {}) => {
      if (isTold(level)) logger[level](fields, event);
    };
  return {
    debug: teller('debug'),
    info: teller('info'),
    warn: teller('warn'),
    error: teller('error'),
    with: (fields) => wrap(logger.child(fields), isTold),
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
