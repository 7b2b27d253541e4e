/**
 * Reads the start of the RDP connection in a tunnel: the X.224 handshake (MS-RDPBCGR 2.2.1.1, 2.2.1.2) and the security
 * protocol that follows it. Nothing after that is read.
 */
import type { Direction } from '../conversation/conversation.js';
import type { Place } from '../types.js';
import { helloIn, looksLikeTls } from './tls.js';
import { type ConfirmFields, type RequestFields, readConfirm, readRequest } from './x224.js';

export type SecurityLabel =
  | 'TLS'
  /** CredSSP runs inside TLS and is known only from the negotiation. */
  | 'TLS (CredSSP inside)'
  | 'TLS (RDSTLS inside)'
  | 'TLS (RDS-AAD-Auth inside)'
  | 'RDP (standard security)'
  | 'unknown';

export interface RequestSeen extends Place, RequestFields {
  readonly type: 'x224-request';
  readonly direction: Direction;
}

export interface ConfirmSeen extends Place, ConfirmFields {
  readonly type: 'x224-confirm';
  readonly direction: Direction;
}

/** The security protocol of the connection. Emitted at most once. */
export interface SecuritySeen extends Place {
  readonly type: 'security';
  readonly label: SecurityLabel;
  /** `TLS 1.3`, from the ServerHello; undefined without a complete ServerHello. */
  readonly version: string | undefined;
  /** The server name in the ClientHello. */
  readonly sni: string | undefined;
  /** The alert with which the server answered the ClientHello: `fatal handshake_failure`. */
  readonly alert: string | undefined;
}

export type InnerEvent = RequestSeen | ConfirmSeen | SecuritySeen;

/**
 * Bytes buffered of one direction until a TPKT packet or TLS record is complete. A record has at most 2^14 + 2048 bytes
 * and a header of 5.
 */
export const MAX_INNER_HELD = 20 * 1024;

const TPKT_VERSION = 3;
const TPKT_HEADER = 4;
/** The four high bits of the second byte of an X.224 TPDU (X.224 13.1). */
const TPDU = { request: 0xe, confirm: 0xd, data: 0xf } as const;
const NOTHING: readonly InnerEvent[] = [];
const EMPTY = Buffer.alloc(0);

/** The reader for one conversation. It never throws and buffers at most MAX_INNER_HELD bytes of each direction. */
export class InnerReader {
  readonly #held: Record<Direction, Buffer> = { 'client-to-server': EMPTY, 'server-to-client': EMPTY };
  readonly #ignored: Record<Direction, boolean> = { 'client-to-server': false, 'server-to-client': false };
  readonly #seen = new Set<number>();
  /** The protocol in the server's connection confirm; undefined before it. */
  #selected: number | undefined;
  #hello: { readonly sni: string | undefined } | undefined;
  #sawTls = false;
  #done = false;

  /** No more events follow, and `feed` returns at once. */
  get done(): boolean {
    return this.#done;
  }

  /** Reads the payload of the next DATA of a direction. `data` is copied where it has to be kept. */
  feed(direction: Direction, data: Buffer, place: Place): readonly InnerEvent[] {
    if (this.#done || this.#ignored[direction] || data.length === 0) return NOTHING;
    const before = this.#held[direction];
    const bytes = before.length === 0 ? data : Buffer.concat([before, data]);
    const events: InnerEvent[] = [];
    let used = 0;
    while (!this.#done && !this.#ignored[direction]) {
      const step = this.#next(direction, bytes.subarray(used), place, events);
      if (step === 0) break;
      used += step;
    }
    this.#held[direction] =
      this.#done || this.#ignored[direction] ? EMPTY : Buffer.from(bytes.subarray(used, used + MAX_INNER_HELD));
    return events;
  }

  /** Bytes are missing: the rest of the direction is ignored, because its packet boundaries are unknown. */
  gap(direction: Direction): void {
    this.#ignored[direction] = true;
    this.#held[direction] = EMPTY;
  }

  /** Ends the connection. Returns the security protocol when TLS was seen but the server's answer was not. */
  end(place: Place): readonly InnerEvent[] {
    if (this.#done) return NOTHING;
    this.#done = true;
    return this.#sawTls ? [this.#security(this.#tlsLabel(), place)] : NOTHING;
  }

  /**
   * Reads the packet or record at the beginning of `bytes`. Returns its length, or 0 when more bytes are needed or
   * reading ends.
   */
  #next(direction: Direction, bytes: Buffer, place: Place, events: InnerEvent[]): number {
    const [first] = bytes;
    if (first === undefined) return 0;
    if (first === TPKT_VERSION) return this.#tpkt(direction, bytes, place, events);
    const tls = looksLikeTls(bytes);
    if (tls === undefined) return 0;
    if (!tls) return this.#finish(this.#security('unknown', place), events);
    return this.#tls(direction, bytes, place, events);
  }

  #tpkt(direction: Direction, bytes: Buffer, place: Place, events: InnerEvent[]): number {
    if (bytes.length < TPKT_HEADER + 2) return 0;
    const length = bytes.readUInt16BE(2);
    const type = (bytes[5] as number) >> 4;
    if (type === TPDU.data) return this.#finish(this.#security('RDP (standard security)', place), events);
    // The length indicator of X.224 is one byte, so a TPDU has at most 256 bytes (X.224 13.2.1).
    const possible = length >= TPKT_HEADER + 7 && length <= TPKT_HEADER + 1 + 255;
    if (!possible || (type !== TPDU.request && type !== TPDU.confirm) || this.#seen.has(type))
      return this.#finish(this.#security('unknown', place), events);
    if (bytes.length < length) return 0;
    this.#seen.add(type);
    const tpdu = bytes.subarray(TPKT_HEADER, length);
    const { frame, time } = place;
    if (type === TPDU.request) {
      events.push({ type: 'x224-request', frame, time, direction, ...readRequest(tpdu) });
    } else {
      const fields = readConfirm(tpdu);
      events.push({ type: 'x224-confirm', frame, time, direction, ...fields });
      this.#selected = fields.selectedProtocol?.value ?? 0;
      // After a failure the client has to open a new connection.
      if (fields.failure) this.#done = true;
    }
    return length;
  }

  #tls(direction: Direction, bytes: Buffer, place: Place, events: InnerEvent[]): number {
    this.#sawTls = true;
    const hello = helloIn(bytes);
    if (hello === undefined) return 0;
    if (hello.kind === 'client' && direction === 'client-to-server') {
      this.#hello ??= { sni: hello.sni };
      // The rest of this direction is TLS.
      this.gap(direction);
      return 0;
    }
    const { version, alert } = hello;
    return this.#finish({ ...this.#security(this.#tlsLabel(), place), version, alert }, events);
  }

  #finish(event: SecuritySeen, events: InnerEvent[]): 0 {
    events.push(event);
    this.#done = true;
    return 0;
  }

  #security(label: SecurityLabel, { frame, time }: Place): SecuritySeen {
    const sni = label.startsWith('TLS') ? this.#hello?.sni : undefined;
    return { type: 'security', frame, time, label, version: undefined, sni, alert: undefined };
  }

  #tlsLabel(): SecurityLabel {
    return (this.#selected !== undefined && INSIDE_TLS[this.#selected]) || 'TLS';
  }
}

/** The label by the protocol that the server selected. */
const INSIDE_TLS: Readonly<Record<number, SecurityLabel>> = {
  2: 'TLS (CredSSP inside)',
  4: 'TLS (RDSTLS inside)',
  8: 'TLS (CredSSP inside)',
  16: 'TLS (RDS-AAD-Auth inside)',
};
