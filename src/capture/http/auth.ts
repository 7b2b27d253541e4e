/** The authentication headers, taken apart and told without their secrets. */
import type { TokenClaims } from '../auth/access-token.js';
import { summariseToken, type TokenSummary } from '../auth/security-token.js';
import type { Header } from './head.js';

export interface AuthSummary {
  /** As it was spelled: `Negotiate`, `NTLM`, `Basic`, `SSPI_NTLM`, … */
  readonly scheme: string;
  /** Negotiate and NTLM with a token. */
  readonly token?: TokenSummary;
  /** The token is no base64, or longer than MAX_TOKEN_TEXT, and was left alone. */
  readonly problem?: 'too long' | 'not base64';
  /** An access token in the tunnel. */
  readonly claims?: TokenClaims;
  /** Basic, from a client: the user, never the password. Of an access token: its subject. */
  readonly user?: string;
  /** Basic, Digest, Bearer, from a server. */
  readonly realm?: string;
}

/** Characters of base64 that are decoded; a head is not longer than MAX_HEAD_BYTES as a whole. */
export const MAX_TOKEN_TEXT = 96 * 1024;
/** Schemes in one header. */
export const MAX_SCHEMES = 16;
const MAX_WORD = 128;

const CREDENTIALS = /^(?:proxy-)?authorization$/i;
const OFFER = /^(?:www|proxy)-authenticate$/i;
const HIDDEN = /^(?:set-cookie|cookie|authentication-info|proxy-authentication-info)$/i;
const OFFERED_TOKEN = /\b(negotiate|ntlm|kerberos)[ \t]+([^\s,=][^\s,]*)/gi;
const LONE_SCHEME = /^[a-z0-9_-]{0,16}$/i;
const WITH_TOKEN = /^(?:negotiate|ntlm|kerberos)$/i;

export interface AuthOptions {
  /** Leaves secrets in place: NTLM responses, header values. */
  readonly secrets?: boolean;
}

/** What an Authorization header says. */
export function summariseCredentials(value: string, options: AuthOptions = {}): AuthSummary {
  const [scheme, rest] = splitScheme(value);
  // A word alone may be a scheme without parameters, and anything else is a secret in the wrong place.
  if (rest === '' && !LONE_SCHEME.test(scheme)) return { scheme: hidden(value) };
  if (WITH_TOKEN.test(scheme)) return { scheme, ...tokenOf(rest, options) };
  if (scheme.toLowerCase() !== 'basic') return { scheme };
  const text = rest.length > MAX_TOKEN_TEXT ? '' : Buffer.from(rest, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? { scheme, problem: 'not base64' } : { scheme, user: text.slice(0, Math.min(colon, MAX_WORD)) };
}

/** What a WWW-Authenticate header offers: it may list several schemes (RFC 9110 11.6.1). */
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
 * The headers as they may be shown: credentials, tokens and cookies give way to their length. The scheme stays, and so does a
 * server's offer without a token.
 */
export function withoutSecrets(headers: readonly Header[]): Header[] {
  return headers.map(([name, value]): Header => {
    if (HIDDEN.test(name)) return [name, hidden(value)];
    if (OFFER.test(name))
      return [name, value.replace(OFFERED_TOKEN, (_, scheme, token) => `${scheme} ${hidden(token)}`)];
    if (!CREDENTIALS.test(name)) return [name, value];
    const [scheme, rest] = splitScheme(value);
    if (!LONE_SCHEME.test(scheme)) return [name, hidden(value)];
    return [name, rest === '' ? scheme : `${scheme} ${hidden(rest)}`];
  });
}

/** A target without the token that the browser's transport puts into its query. */
export function targetWithoutSecrets(target: string): string {
  return target.replace(/([?&](?:ClmTk|access_token)=)([^&]*)/gi, (_, name, value) => name + hidden(value));
}

function hidden(text: string): string {
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
    ? [text.slice(0, MAX_WORD), '']
    : [text.slice(0, Math.min(space, MAX_WORD)), text.slice(space).trim()];
}

/** Parts between commas that are not within quotes. */
function splitList(value: string): string[] {
  const parts = value.match(/(?:"(?:[^"\\]|\\.)*"?|[^",])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function short(text: string | undefined): string {
  return (text ?? '').slice(0, MAX_WORD);
}
