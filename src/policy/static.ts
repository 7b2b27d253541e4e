import { createHash, timingSafeEqual } from 'node:crypto';
import { Fault } from '../fault.js';
import { isPrintable, quote, USER_NAME_MAX } from './printable.js';
import { formatTarget, parseTarget } from './target.js';

/** One line of a token list. INVARIANT: the token itself is not kept, only its SHA-256 digest. */
export interface StaticToken {
  readonly digest: Buffer;
  readonly user: string;
  /** The targets of the line; without them the allow rules decide. */
  readonly targets: readonly string[] | undefined;
  /** Counted from 1. */
  readonly line: number;
}

/** 16 characters from a random source are more than 64 bits; a shorter secret could be guessed over the network. */
const TOKEN_MIN = 16;
const TOKEN_MAX = 1024;
/** Every entry is compared with every token that comes in. */
const ENTRIES_MAX = 10_000;

/**
 * Reads a token list: one token per line, its user, and optionally the only targets it may open.
 *
 *     # comment
 *     4f1c09ab5e6d7788aa  alice
 *     b7e151628aed2a6abf  CORP\bob   desk.corp.example,192.168.0.7:3390
 *
 * A token is 16 to 1024 printable ASCII characters without spaces. Throws a `Fault` of kind `configuration`
 * (`TOKENS_FILE_INVALID`) that names the line, never what stands in it.
 */
export function parseTokenList(text: string, place: string): readonly StaticToken[] {
  const entries = new Map<string, StaticToken>();
  for (const [index, row] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (/^\s*(?:#|$)/.test(row)) continue;
    const line = index + 1;
    const [token = '', user, targets, ...more] = row.trim().split(/\s+/);
    const wrong = (message: string, hint = 'a line is: TOKEN USER [HOST:PORT,…]'): Fault =>
      new Fault({ kind: 'configuration', code: 'TOKENS_FILE_INVALID', message, place: `${place}:${line}`, hint });
    if (!/^[!-~]*$/.test(token) || token.length > TOKEN_MAX) throw wrong('the token is not plain text');
    if (token.length < TOKEN_MIN) {
      throw wrong(`the token is shorter than ${TOKEN_MIN} characters`, 'make one with: openssl rand -hex 16');
    }
    if (!isPrintable(user, USER_NAME_MAX)) throw wrong('the line names no user');
    if (more.length > 0) throw wrong('the line has too many fields');
    const digest = digestOf(token);
    const twin = entries.get(digest.toString('hex'));
    if (twin !== undefined) throw wrong(`the same token stands in line ${twin.line}`);
    entries.set(digest.toString('hex'), { digest, user, targets: readTargets(targets, wrong), line });
    if (entries.size > ENTRIES_MAX) throw wrong(`the list holds more than ${ENTRIES_MAX} tokens`);
  }
  if (entries.size === 0) {
    const hint = 'a line is: TOKEN USER [HOST:PORT,…]';
    throw new Fault({ kind: 'configuration', code: 'TOKENS_FILE_INVALID', message: 'the list is empty', place, hint });
  }
  return [...entries.values()];
}

/** The entry of this token. Every entry is compared, in constant time, wherever a match stands. */
export function findToken(entries: readonly StaticToken[], token: string): StaticToken | undefined {
  const digest = digestOf(token);
  let found: StaticToken | undefined;
  for (const entry of entries) {
    if (timingSafeEqual(entry.digest, digest)) found = entry;
  }
  return found;
}

function readTargets(text: string | undefined, wrong: (message: string) => Fault): readonly string[] | undefined {
  if (text === undefined) return undefined;
  return text.split(',').map((target) => {
    try {
      return formatTarget(parseTarget(target));
    } catch {
      throw wrong(`${quote(target)} is not a target`);
    }
  });
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}
