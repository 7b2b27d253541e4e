/**
 * Reads the claims of a gateway access token, the PAA cookie of TUNNEL_CREATE, when it is a compact JWS (RFC 7515). The
 * signature is neither verified nor part of any result, because it is what makes the token usable.
 */
import { formatTarget, parseTarget } from '../../policy/target.js';
import { decodePaaCookie, type Packet, PKT_TYPE } from '../../protocol/index.js';
import { type Note, note } from '../notes.js';

/** The claims of RFC 7519 that the token has, and `tgt`, the targets that a token of rdgw allows. */
export interface TokenClaims {
  /** `HS256` */
  readonly algorithm?: string;
  /** `sub` */
  readonly user?: string;
  /** `iss` */
  readonly issuer?: string;
  /** `aud` */
  readonly audience?: readonly string[];
  /** `tgt`, as spelled. */
  readonly targets?: readonly string[];
  /** `exp`: ISO 8601 in UTC. */
  readonly expires?: string;
}

/** In characters; a cookie has at most 65,535 bytes of UTF-16 (MS-TSGU 2.2.10.19). */
const MAX_TOKEN = 32 * 1024;
/** Characters kept of each claim. */
const MAX_TEXT = 256;
/** Entries kept of a list. */
const MAX_LIST = 64;
/** The largest time that a Date can represent, in seconds. */
const MAX_SECONDS = 8.64e12;

/** The claims of the PAA cookie in a TUNNEL_CREATE; undefined without a cookie, or where it is not a JWS. */
export function tokenIn(packet: Packet): TokenClaims | undefined {
  if (packet.type !== PKT_TYPE.TUNNEL_CREATE || packet.fields.paaCookie === undefined) return undefined;
  return claimsOf(decodePaaCookie(packet.fields.paaCookie) ?? '');
}

/** The claims of a compact JWS; undefined where `token` is not one. Never throws. */
export function claimsOf(token: string): TokenClaims | undefined {
  const parts = token.split('.');
  if (token.length > MAX_TOKEN || parts.length !== 3) return undefined;
  const [head, body] = parts.map(objectIn);
  if (head === undefined || body === undefined) return undefined;
  const found = {
    algorithm: textOf(head.alg),
    user: textOf(body.sub),
    issuer: textOf(body.iss),
    audience: listOf(body.aud),
    targets: listOf(body.tgt),
    expires: timeOf(body.exp),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** A compact JWS up to and including its last dot; undefined where `token` is not one. */
export function withoutSignature(token: string): string | undefined {
  return claimsOf(token) && token.slice(0, token.lastIndexOf('.') + 1);
}

/** Compares the targets that a client requests with the claims of its token. */
export class TokenChecker {
  #claims: TokenClaims | undefined;

  /** Yields the notes about the next PDU of a conversation. `time` is in nanoseconds since the epoch. */
  *check(packet: Packet, time: bigint): Generator<Note> {
    if (packet.type === PKT_TYPE.TUNNEL_CREATE) {
      this.#claims = tokenIn(packet);
      const { expires } = this.#claims ?? {};
      if (expires !== undefined && Date.parse(expires) * 1e6 < Number(time)) {
        yield note('TOKEN_EXPIRED', `it was valid until ${expires}`);
      }
    } else if (packet.type === PKT_TYPE.CHANNEL_CREATE && this.#claims?.targets !== undefined) {
      const { resources, altResources, port } = packet.fields;
      const requested = [...resources, ...altResources].map((host) =>
        normalise(formatTarget({ host: host.replace(/^\[(.*)\]$/, '$1'), port })),
      );
      const allowed = this.#claims.targets.map(normalise);
      if (requested.some((target) => allowed.includes(target))) return;
      yield note('TOKEN_TARGET', `it is for ${this.#claims.targets.join(', ')}, not for ${requested.join(', ')}`);
    }
  }
}

/** A target that cannot be parsed is returned in lower case: it matches only itself. */
function normalise(target: string): string {
  try {
    return formatTarget(parseTarget(target)).toLowerCase();
  } catch {
    return target.toLowerCase();
  }
}

function objectIn(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined;
}

/** Accepts one string or an array; other values in it are dropped. */
function listOf(value: unknown): string[] | undefined {
  const list = (Array.isArray(value) ? value : [value]).map(textOf).filter((text) => text !== undefined);
  return list.length === 0 ? undefined : list.slice(0, MAX_LIST);
}

function timeOf(seconds: unknown): string | undefined {
  if (typeof seconds !== 'number' || !(Math.abs(seconds) <= MAX_SECONDS)) return undefined;
  return new Date(seconds * 1000).toISOString();
}
