/**
 * What the tunnel carries, as far as its first packets tell: the X.224 handshake of RDP (MS-RDPBCGR 2.2.1.1, 2.2.1.2) and
 * the kind of security that follows it. Nothing deeper is read.
 */
import type { Direction } from '../conversation/conversation.js';
import type { Place } from '../types.js';
import { helloIn, looksLikeTls } from './tls.js';
import { type ConfirmFields, type RequestFields, readConfirm, readRequest } from './x224.js';

export type SecurityLabel =
  | 'TLS'
  /** CredSSP runs inside TLS, so only the negotiation shows it. */
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

/** At most once: what everything that follows is. */
export interface SecuritySeen extends Place {
  readonly type: 'security';
  readonly label: SecurityLabel;
  /** `TLS 1.3`, from the ServerHello; undefined when none was seen whole. */
  readonly version: string | undefined;
  /** The name in the ClientHello. */
  readonly sni: string | undefined;
  /** The server answered the ClientHello with this alert, `fatal handshake_failure`. */
  readonly alert: string | undefined;
}

export type InnerEvent = RequestSeen | ConfirmSeen | SecuritySeen;

/** Bytes held of one direction until they are a whole TPKT packet or TLS record: a record has at most 2^14 + 2048 and its head. */
export const MAX_INNER_HELD = 20 * 1024;

const TPKT_VERSION = 3;
const TPKT_HEADER = 4;
/** The high half of the second byte of an X.224 TPDU (X.224 13.1). */
const TPDU = { request: 0xe, confirm: 0xd, data: 0xf } as const;
const NOTHING: readonly InnerEvent[] = [];
const EMPTY = Buffer.alloc(0);

/** For one conversation. Never throws; keeps at most MAX_INNER_HELD bytes of each direction. */
export class InnerReader {
  readonly #held: Record<Direction, Buffer> = { 'client-to-server': EMPTY, 'server-to-client': EMPTY };
  readonly #deaf: Record<Direction, boolean> = { 'client-to-server': false, 'server-to-client': false };
  readonly #seen = new Set<number>();
  /** Undefined before the server confirmed. */
  #selected: number | undefined;
  #hello: { readonly sni: string | undefined } | undefined;
  #sawTls = false;
  #done = false;

  /** Everything that can be told has been; `feed` costs nothing from here on. */
  get done(): boolean {
    return this.#done;
  }

  /** The payload of the next DATA of a direction; `data` is not kept by reference. */
  feed(direction: Direction, data: Buffer, place: Place): readonly InnerEvent[] {
    if (this.#done || this.#deaf[direction] || data.length === 0) return NOTHING;
    const before = this.#held[direction];
    const bytes = before.length === 0 ? data : Buffer.concat([before, data]);
    const events: InnerEvent[] = [];
    let used = 0;
    while (!this.#done && !this.#deaf[direction]) {
      const step = this.#next(direction, bytes.subarray(used), place, events);
      if (step === 0) break;
      used += step;
    }
    this.#held[direction] =
      this.#done || this.#deaf[direction] ? EMPTY : Buffer.from(bytes.subarray(used, used + MAX_INNER_HELD));
    return events;
  }

  /** Bytes are missing: nothing that follows in this direction has a known beginning. */
  gap(direction: Direction): void {
    this.#deaf[direction] = true;
    this.#held[direction] = EMPTY;
  }

  /** Nothing more comes: says what is known of the security when that had to wait for an answer. */
  end(place: Place): readonly InnerEvent[] {
    if (this.#done) return NOTHING;
    this.#done = true;
    return this.#sawTls ? [this.#security(this.#tlsLabel(), place)] : NOTHING;
  }

  /** Reads one packet or record at the beginning of `bytes`. How many bytes it took; 0 when more are needed or wanted. */
  #next(direction: Direction, bytes: Buffer, place: Place, events: InnerEvent[]): number {
    const [first] = bytes;
    if (first === undefined) return 0;
    if (first === TPKT_VERSION) return this.#tpkt(direction, bytes, place, events);
    const tls = looksLikeTls(bytes);
    if (tls === undefined) return 0;
    if (!tls) return this.#settle(this.#security('unknown', place), events);
    return this.#tls(direction, bytes, place, events);
  }

  #tpkt(direction: Direction, bytes: Buffer, place: Place, events: InnerEvent[]): number {
    if (bytes.length < TPKT_HEADER + 2) return 0;
    const length = bytes.readUInt16BE(2);
    const type = (bytes[5] as number) >> 4;
    if (type === TPDU.data) return this.#settle(this.#security('RDP (standard security)', place), events);
    // The length indicator of X.224 is one byte, so what follows it is short (X.224 13.2.1).
    const possible = length >= TPKT_HEADER + 7 && length <= TPKT_HEADER + 1 + 255;
    if (!possible || (type !== TPDU.request && type !== TPDU.confirm) || this.#seen.has(type))
      return this.#settle(this.#security('unknown', place), events);
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
      // After a refusal the client has to connect again.
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
      // What comes behind it belongs to TLS, whichever side speaks first in the capture.
      this.gap(direction);
      return 0;
    }
    const { version, alert } = hello;
    return this.#settle({ ...this.#security(this.#tlsLabel(), place), version, alert }, events);
  }

  #settle(event: SecuritySeen, events: InnerEvent[]): 0 {
    events.push(event);
    this.#done = true;
    return 0;
  }

  #security(label: SecurityLabel, { frame, time }: Place): SecuritySeen {
    const sni = label.startsWith('TLS') ? this.#hello?.sni : undefined;
    return { type: 'security', frame, time, label, version: undefined, sni, alert: undefined };
  }

  #tlsLabel(): SecurityLabel {
    return (this.#selected !== undefined && INSIDE[this.#selected]) || 'TLS';
  }
}

/** What runs inside TLS, by the protocol that the server selected. */
const INSIDE: Readonly<Record<number, SecurityLabel>> = {
  2: 'TLS (CredSSP inside)',
  4: 'TLS (RDSTLS inside)',
  8: 'TLS (CredSSP inside)',
  16: 'TLS (RDS-AAD-Auth inside)',
};
