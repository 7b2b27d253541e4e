import { createHash } from 'node:crypto';
import { Fault } from '../fault.js';
import { isPrintable, quote, USER_NAME_MAX } from './printable.js';
import { formatTarget, parseTarget } from './target.js';

/** One line of a token list. INVARIANT: the token itself is not kept, only its SHA-256 digest. */
export interface StaticToken {
  /** In base64url. */
  readonly digest: string;
  readonly user: string;
  /** The targets of the line. Without them the allow rules decide. */
  readonly targets: readonly string[] | undefined;
  /** Counted from 1. */
  readonly line: number;
}

/** 16 random characters have at least 64 bits, even as hex digits. A shorter secret could be guessed over the network. */
const TOKEN_MIN = 16;
const TOKEN_MAX = 1024;
/** A few hundred bytes each, in memory and for each reload. More users need a database, and so a custom authenticator. */
const ENTRIES_MAX = 10_000;
/** As many targets as the verdict of an authenticator may have. */
const TARGETS_MAX = 1000;

/**
 * Parses a token list. Each line has a token, its user and optionally the only targets it may open.
 *
 *     # comment
 *     4f1c09ab5e6d7788aa  alice
 *     b7e151628aed2a6abf  CORP\bob   desk.corp.example,192.168.0.7:3390
 *
 * A token is 16 to 1024 printable ASCII characters without spaces. Throws a `Fault` of kind `configuration`
 * (`TOKENS_FILE_INVALID`) with the line number. Its message never repeats the token.
 */
export function parseTokenList(text: string, place: string): readonly StaticToken[] {
  const entries = new Map<string, StaticToken>();
  for (const [index, lineText] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (/^\s*(?:#|$)/.test(lineText)) continue;
    const line = index + 1;
    const [token = '', user, targets, ...more] = lineText.trim().split(/\s+/);
    const lineFault = (message: string, hint = 'a line is: TOKEN USER [HOST:PORT,…]'): Fault =>
      new Fault({ kind: 'configuration', code: 'TOKENS_FILE_INVALID', message, place: `${place}:${line}`, hint });
    if (!/^[!-~]*$/.test(token) || token.length > TOKEN_MAX)
      throw lineFault(`the token is not printable ASCII of at most ${TOKEN_MAX} characters`);
    if (token.length < TOKEN_MIN) {
      throw lineFault(`the token is shorter than ${TOKEN_MIN} characters`, 'make one with: openssl rand -hex 16');
    }
    if (!isPrintable(user, USER_NAME_MAX)) throw lineFault('the line names no user');
    if (more.length > 0) throw lineFault('the line has too many fields');
    const digest = digestOf(token);
    const duplicate = entries.get(digest);
    if (duplicate !== undefined) throw lineFault(`the same token is in line ${duplicate.line}`);
    entries.set(digest, { digest, user, targets: readTargets(targets, lineFault), line });
    if (entries.size > ENTRIES_MAX) throw lineFault(`the list has more than ${ENTRIES_MAX} tokens`);
  }
  if (entries.size === 0) {
    const hint = 'a line is: TOKEN USER [HOST:PORT,…]';
    throw new Fault({ kind: 'configuration', code: 'TOKENS_FILE_INVALID', message: 'the list is empty', place, hint });
  }
  return [...entries.values()];
}

/**
 * Returns a function that finds the entry of a token. The lookup is not in constant time, but its time depends on the digests
 * only, and a digest tells nothing about the token.
 */
export function tokenFinder(entries: readonly StaticToken[]): (token: string) => StaticToken | undefined {
  const byDigest = new Map(entries.map((entry) => [entry.digest, entry]));
  return (token) => byDigest.get(digestOf(token));
}

function readTargets(text: string | undefined, lineFault: (message: string) => Fault): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const targets = text.split(',');
  if (targets.length > TARGETS_MAX) throw lineFault(`the line names more than ${TARGETS_MAX} targets`);
  return targets.map((target) => {
    try {
      return formatTarget(parseTarget(target));
    } catch {
      throw lineFault(`${quote(target)} is not a target`);
    }
  });
}

function digestOf(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('base64url');
}
