/** Caches the text form of addresses, since most packets of a capture have the same few endpoints. */
import type { Endpoint } from '../types.js';

/** Cache slots per IP version. Endpoints that share a slot replace each other, which only costs time. */
const SLOTS = 4096;

interface Slot {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly endpoint: Endpoint;
}

/** Parses endpoints through a direct-mapped cache. */
export class Endpoints {
  readonly #ip4: (Slot | undefined)[] = new Array(SLOTS);
  readonly #ip6: (Slot | undefined)[] = new Array(SLOTS);

  /**
   * Returns the endpoint with the IPv4 address at `at`. Equal endpoints are usually the same object, but callers must
   * not rely on it.
   */
  ip4(bytes: Buffer, at: number, port: number): Endpoint {
    const address = bytes.readInt32BE(at);
    const index = slotOf(address, port);
    const slot = this.#ip4[index];
    if (slot !== undefined && slot.a === address && slot.endpoint.port === port) return slot.endpoint;
    const endpoint = { address: `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`, port };
    this.#ip4[index] = { a: address, b: 0, c: 0, d: 0, endpoint };
    return endpoint;
  }

  /** Like `ip4`, for the IPv6 address at `at`. */
  ip6(bytes: Buffer, at: number, port: number): Endpoint {
    const a = bytes.readInt32BE(at);
    const b = bytes.readInt32BE(at + 4);
    const c = bytes.readInt32BE(at + 8);
    const d = bytes.readInt32BE(at + 12);
    const index = slotOf(a ^ Math.imul(b, 31) ^ Math.imul(c, 961) ^ d, port);
    const slot = this.#ip6[index];
    if (
      slot !== undefined &&
      slot.d === d &&
      slot.c === c &&
      slot.b === b &&
      slot.a === a &&
      slot.endpoint.port === port
    ) {
      return slot.endpoint;
    }
    const endpoint = { address: ip6Text(bytes, at), port };
    this.#ip6[index] = { a, b, c, d, endpoint };
    return endpoint;
  }
}

function slotOf(address: number, port: number): number {
  return Math.imul(address ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b) >>> 20;
}

/** RFC 5952 text: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function ip6Text(bytes: Buffer, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(bytes.readUInt16BE(at + i));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${[...bytes.subarray(at + 12, at + 16)].join('.')}`;
  }
  let start = -1;
  let longest = 1;
  for (let i = 0, run = 0; i < 8; i++) {
    run = groups[i] === 0 ? run + 1 : 0;
    if (run > longest) {
      longest = run;
      start = i - run + 1;
    }
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + longest))}`;
}
