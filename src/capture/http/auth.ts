/** Summaries of HTTP authentication headers, without their secrets. */
import type { TokenClaims } from '../auth/access-token.js';
import { summariseToken, type TokenSummary } from '../auth/security-token.js';
import type { Header } from './head.js';

export interface AuthSummary {
  /** As spelled: `Negotiate`, `NTLM`, `Basic`, `SSPI_NTLM`, … */
  readonly scheme: string;
  /** The token of Negotiate or NTLM. */
  readonly token?: TokenSummary;
  /** Why the token was not decoded: it is longer than MAX_TOKEN_TEXT, or not base64. */
  readonly problem?: 'too long' | 'not base64';
  /** The claims of a PAA cookie in TUNNEL_CREATE. */
  readonly claims?: TokenClaims;
  /** Basic: the user name, never the password. PAA cookie: its subject. */
  readonly user?: string;
  /** The realm of a server's Basic, Digest or Bearer challenge. */
  readonly realm?: string;
}

/** Characters of the longest base64 token that is decoded; the whole head has at most MAX_HEAD_BYTES (128 KiB). */
export const MAX_TOKEN_TEXT = 96 * 1024;
/** Schemes reported of one header. */
export const MAX_SCHEMES = 16;
/** Characters kept of a scheme, user name or realm. */
const MAX_TEXT = 128;

const CREDENTIALS = /^(?:proxy-)?authorization$/i;
const CHALLENGE = /^(?:www|proxy)-authenticate$/i;
const REDACTED_HEADERS = /^(?:set-cookie|cookie|authentication-info|proxy-authentication-info)$/i;
const CHALLENGE_TOKEN = /\b(negotiate|ntlm|kerberos)[ \t]+([^\s,=][^\s,]*)/gi;
const LONE_SCHEME = /^[a-z0-9_-]{0,16}$/i;
const WITH_TOKEN = /^(?:negotiate|ntlm|kerberos)$/i;

export interface AuthOptions {
  /** Keeps the NTLM responses in the summary. Default: false. */
  readonly secrets?: boolean;
}

/** Summarises the value of an Authorization header. */
export function summariseCredentials(value: string, options: AuthOptions = {}): AuthSummary {
  const [scheme, rest] = splitScheme(value);
  // A short word may be a scheme without parameters. Anything else may be a secret without its scheme.
  if (rest === '' && !LONE_SCHEME.test(scheme)) return { scheme: redacted(value) };
  if (WITH_TOKEN.test(scheme)) return { scheme, ...tokenOf(rest, options) };
  if (scheme.toLowerCase() !== 'basic') return { scheme };
  const text = rest.length > MAX_TOKEN_TEXT ? '' : Buffer.from(rest, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? { scheme, problem: 'not base64' } : { scheme, user: text.slice(0, Math.min(colon, MAX_TEXT)) };
}

/** Summarises the challenges in a WWW-Authenticate header, which may list several schemes (RFC 9110 11.6.1). */
export function summariseChallenges(value: string, options: AuthOptions = {}): AuthSummary[] {
  const found: AuthSummary[] = [];
  for (const part of splitList(value)) {
    const parameter = /^([\w-]{1,64})[ \t]{0,8}=[ \t]{0,8}"?([^"]*)/.exec(part);
    const last = found.at(-1);
    if (parameter && last) {
      if (parameter[1]?.toLowerCase() === 'realm') found[found.length - 1] = { ...last, realm: short(parameter[2]) };
    } else if (found.length < MAX_SCHEMES) {
      const [scheme, rest] = splitScheme(part);
      const realm = /^realm[ \t]{0,8}=[ \t]{0,8}"?([^"]*)/i.exec(rest)?.[1];
      found.push({
        scheme,
        ...(WITH_TOKEN.test(scheme) && tokenOf(rest, options)),
        ...(realm !== undefined && { realm: short(realm) }),
      });
    }
  }
  return found;
}

/**
 * The headers with credentials, tokens and cookies replaced by their length. Schemes, and challenges without a token,
 * are kept.
 */
export function withoutSecrets(headers: readonly Header[]): Header[] {
  return headers.map(([name, value]): Header => {
    if (REDACTED_HEADERS.test(name)) return [name, redacted(value)];
    if (CHALLENGE.test(name))
      return [name, value.replace(CHALLENGE_TOKEN, (_, scheme, token) => `${scheme} ${redacted(token)}`)];
    if (!CREDENTIALS.test(name)) return [name, value];
    const [scheme, rest] = splitScheme(value);
    if (!LONE_SCHEME.test(scheme)) return [name, redacted(value)];
    return [name, rest === '' ? scheme : `${scheme} ${redacted(rest)}`];
  });
}

/** A request target with the tokens in its query replaced by their length; browser clients send their token there. */
export function targetWithoutSecrets(target: string): string {
  return target.replace(/([?&](?:ClmTk|access_token)=)([^&]*)/gi, (_, name, value) => name + redacted(value));
}

function redacted(text: string): string {
  return `[${text.length} characters]`;
}

function tokenOf(text: string, options: AuthOptions): Pick<AuthSummary, 'token' | 'problem'> {
  if (text === '') return {};
  if (text.length > MAX_TOKEN_TEXT) return { problem: 'too long' };
  if (!/^[\w+/-]+={0,2}$/.test(text)) return { problem: 'not base64' };
  return { token: summariseToken(Buffer.from(text, 'base64'), options) };
}

function splitScheme(value: string): [scheme: string, rest: string] {
  const text = value.trim();
  const space = text.search(/[ \t]/);
  return space < 0
    ? [text.slice(0, MAX_TEXT), '']
    : [text.slice(0, Math.min(space, MAX_TEXT)), text.slice(space).trim()];
}

/** Splits a list at the commas outside quotes. */
function splitList(value: string): string[] {
  const parts = value.match(/(?:"(?:[^"\\]|\\.)*"?|[^",])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function short(text: string | undefined): string {
  return (text ?? '').slice(0, MAX_TEXT);
}
