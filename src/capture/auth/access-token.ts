/**
 * A gateway access token (the PAA cookie of TUNNEL_CREATE) as far as it speaks for itself: a compact JWS (RFC 7515) says whom
 * and what it is for. Nothing is verified here, and the signature, which makes it worth something, is never part of it.
 */
import { formatTarget, parseTarget } from '../../policy/target.js';
import { decodePaaCookie, type Packet, PKT_TYPE } from '../../protocol/index.js';
import { type Note, note } from '../notes.js';

/** Claims of RFC 7519 that are there, and `tgt`, the targets that a token of rdgw opens. */
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

/** Longer than any client lets one be (MS-TSGU 2.2.10.19: the cookie has at most 65,535 bytes of UTF-16). */
const MAX_TOKEN = 32 * 1024;
/** Of each claim. */
const MAX_TEXT = 256;
const MAX_LIST = 64;
/** Seconds that a Date takes. */
const MAX_SECONDS = 8.64e12;

/** The claims of the token in a TUNNEL_CREATE; undefined where it has none, or where it is no JWS. */
export function tokenIn(packet: Packet): TokenClaims | undefined {
  if (packet.type !== PKT_TYPE.TUNNEL_CREATE || packet.fields.paaCookie === undefined) return undefined;
  return claimsOf(decodePaaCookie(packet.fields.paaCookie) ?? '');
}

/** Never throws. */
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

/** A signed token up to its last point; undefined for what is no JWS. */
export function withoutSignature(token: string): string | undefined {
  return claimsOf(token) && token.slice(0, token.lastIndexOf('.') + 1);
}

/** Holds what the client asks for against what its token says. */
export class TokenWatch {
  #claims: TokenClaims | undefined;

  /** `time` in nanoseconds since the epoch. */
  *see(packet: Packet, time: bigint): Generator<Note> {
    if (packet.type === PKT_TYPE.TUNNEL_CREATE) {
      this.#claims = tokenIn(packet);
      const { expires } = this.#claims ?? {};
      if (expires !== undefined && Date.parse(expires) * 1e6 < Number(time)) {
        yield note('TOKEN_EXPIRED', `it was valid until ${expires}`);
      }
    } else if (packet.type === PKT_TYPE.CHANNEL_CREATE && this.#claims?.targets !== undefined) {
      const { resources, altResources, port } = packet.fields;
      const asked = [...resources, ...altResources].map((host) =>
        normal(formatTarget({ host: host.replace(/^\[(.*)\]$/, '$1'), port })),
      );
      const named = this.#claims.targets.map(normal);
      if (asked.some((target) => named.includes(target))) return;
      yield note('TOKEN_TARGET', `it is for ${this.#claims.targets.join(', ')}, not for ${asked.join(', ')}`);
    }
  }
}

/** A target that cannot be read is left as it is: it matches nothing. */
function normal(target: string): string {
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

/** One text or a list of them. */
function listOf(value: unknown): string[] | undefined {
  const list = (Array.isArray(value) ? value : [value]).map(textOf).filter((text) => text !== undefined);
  return list.length === 0 ? undefined : list.slice(0, MAX_LIST);
}

function timeOf(seconds: unknown): string | undefined {
  if (typeof seconds !== 'number' || !(Math.abs(seconds) <= MAX_SECONDS)) return undefined;
  return new Date(seconds * 1000).toISOString();
}
