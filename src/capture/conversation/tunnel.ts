/** The PDU streams of one conversation: framed, dissected, and held against the order that MS-TSGU demands. */
import {
  dataPayload,
  type FlowState,
  Framer,
  HEADER_LENGTH,
  isData,
  LimitError,
  type Packet,
  PduError,
  PKT_TYPE,
  packetName,
  peekHeader,
  RESULT,
  resultOf,
  type Side,
  type Span,
  step,
} from '../../protocol/index.js';
import { TokenWatch } from '../auth/access-token.js';
import { type Note, note } from '../notes.js';
import type { Place } from '../types.js';
import { checkPdu } from './checks.js';
import type { Direction } from './conversation.js';
import { looksLikePdu } from './pdu-probe.js';
import { MAX_SEEK_BYTES } from './resync.js';
import { Watch } from './timing.js';

const DIRECTIONS = ['client-to-server', 'server-to-client'] as const;

/** One whole PDU. `bytes` and what points into them are valid until the sink returns. */
export interface PduEvent extends Place {
  readonly direction: Direction;
  readonly packetType: number;
  /** `PKT_TYPE_DATA` */
  readonly name: string;
  readonly bytes: Buffer;
  /** The payload of DATA that follows its layout. */
  readonly data: Buffer | undefined;
  /** Undefined where the bytes do not follow a layout. */
  readonly packet: Packet | undefined;
  /** The fields by name and offset; made when asked for. */
  tree(): Span;
  readonly notes: readonly Note[];
}

export interface TunnelSink {
  pdu(event: PduEvent): void;
  /** A remark that belongs to no PDU. */
  note(direction: Direction, note: Note, place: Place): void;
}

export interface TunnelOptions {
  /** The capture shows the conversation from its first byte; otherwise the first PDU may be any. */
  readonly fromStart: boolean;
}

/** Bytes framed at a time, below what a framer lets wait. */
const SLICE = 64 * 1024;

interface Stream {
  framer: Framer;
  /** `lost`: bytes are skipped until one looks like a header; `given-up`: for good. */
  state: 'framed' | 'lost' | 'given-up';
  skipped: number;
  /** While lost: the last bytes, which may begin a header. */
  held: Buffer;
  /** Bytes that are left of a PDU that was cut: none of them begins another. */
  rest: number;
}

const NOTHING = Buffer.alloc(0);

function newStream(): Stream {
  return { framer: new Framer(), state: 'framed', skipped: 0, held: NOTHING, rest: 0 };
}

export class TunnelStation {
  readonly #sink: TunnelSink;
  readonly #watch = new Watch();
  readonly #token = new TokenWatch();
  readonly #streams: Readonly<Record<Direction, Stream>> = {
    'client-to-server': newStream(),
    'server-to-client': newStream(),
  };
  #state: FlowState = 'start';
  /** False until a PDU has told where the conversation is. */
  #oriented: boolean;

  constructor(sink: TunnelSink, { fromStart }: TunnelOptions) {
    this.#sink = sink;
    this.#oriented = fromStart;
  }

  get state(): FlowState {
    return this.#state;
  }

  bytes(direction: Direction, bytes: Buffer, place: Place): void {
    const stream = this.#streams[direction];
    const start = Math.min(stream.rest, bytes.length);
    stream.rest -= start;
    for (let offset = start; offset < bytes.length; offset += SLICE) {
      let left: Buffer | undefined = bytes.subarray(offset, offset + SLICE);
      // What follows an impossible header is looked at again, so that a split changes nothing. Each turn uses up a header at least.
      while (left !== undefined && left.length > 0) {
        const found: Buffer | undefined = stream.state === 'framed' ? left : this.#seek(stream, left);
        left = found && this.#frame(direction, stream, found, place);
      }
    }
  }

  /**
   * `length` bytes are missing (undefined: nobody knows): the PDU under way is cut. Where its header says that it reaches over
   * the gap, the next one is known to begin behind it; else it has to be found.
   */
  gap(direction: Direction, length: number | undefined, place: Place): void {
    const stream = this.#streams[direction];
    const open = stream.rest > 0 ? stream.rest : stream.state === 'framed' ? stream.framer.missing : undefined;
    this.#cut(direction, stream, place);
    stream.held = NOTHING;
    if (length !== undefined && open !== undefined && length <= open) {
      stream.rest = open - length;
    } else {
      stream.rest = 0;
      if (stream.state !== 'given-up') this.#lose(stream);
    }
    // What was in the gap may have changed the state; the next PDU tells.
    this.#oriented = false;
  }

  end(place: Place): void {
    for (const direction of DIRECTIONS) this.#cut(direction, this.#streams[direction], place);
    for (const { direction, remark } of this.#watch.end(this.#state)) this.#sink.note(direction, remark, place);
  }

  #cut(direction: Direction, stream: Stream, place: Place): void {
    const { buffered } = stream.framer;
    if (stream.state === 'framed' && buffered > 0)
      this.#sink.note(direction, note('PDU_CUT', `${buffered} bytes of it are there`), place);
    stream.framer = new Framer();
  }

  #lose(stream: Stream): void {
    stream.framer = new Framer();
    stream.state = 'lost';
    stream.skipped = 0;
    stream.held = NOTHING;
  }

  #seek(stream: Stream, bytes: Buffer): Buffer | undefined {
    if (stream.state === 'given-up') return undefined;
    const all = stream.held.length === 0 ? bytes : Buffer.concat([stream.held, bytes]);
    let at = 0;
    for (; at < all.length && stream.skipped <= MAX_SEEK_BYTES; at += 1, stream.skipped += 1) {
      const found = looksLikePdu(all, at);
      if (found === undefined) break;
      if (!found) continue;
      stream.state = 'framed';
      stream.held = NOTHING;
      return all.subarray(at);
    }
    if (stream.skipped > MAX_SEEK_BYTES) stream.state = 'given-up';
    stream.held = stream.state === 'lost' ? Buffer.from(all.subarray(at)) : NOTHING;
    return undefined;
  }

  /** Returns what stands behind a header that cannot be one. */
  #frame(direction: Direction, stream: Stream, bytes: Buffer, place: Place): Buffer | undefined {
    try {
      stream.framer.push(bytes);
      for (let pdu = stream.framer.next(); pdu !== undefined; pdu = stream.framer.next())
        this.#pdu(direction, pdu, place);
      // INVARIANT: `bytes` are a view that the next unmasking or the next chunk of the file overwrites.
      stream.framer.detach();
      return undefined;
    } catch (error) {
      if (!(error instanceof PduError || error instanceof LimitError)) throw error;
      this.#sink.note(direction, note('PDU_FRAMING', error.message), place);
      const behind = stream.framer.drain().subarray(HEADER_LENGTH);
      this.#lose(stream);
      this.#oriented = false;
      return behind;
    }
  }

  #pdu(direction: Direction, bytes: Buffer, place: Place): void {
    const { packet, data, notes, tree } = isData(bytes) ? lightly(bytes) : thoroughly(bytes);
    const packetType = peekHeader(bytes)?.packetType ?? 0;
    const remarks = [...notes];
    if (packet) remarks.push(...this.#order(direction, packet), ...this.#token.see(packet, place.time));
    remarks.push(...this.#watch.see(direction, packetType, place.time));
    const { frame, time } = place;
    this.#sink.pdu({
      frame,
      time,
      direction,
      packetType,
      name: packetName(packetType),
      bytes,
      data,
      packet,
      tree,
      notes: remarks,
    });
  }

  /** Steps the flow; a PDU that is not allowed is remarked, and the conversation taken to be where it leads. */
  *#order(direction: Direction, packet: Packet): Generator<Note> {
    const side: Side = direction === 'client-to-server' ? 'client' : 'gateway';
    const before = this.#state;
    const next = step(before, side, packet);
    if (next !== undefined) {
      this.#state = next;
      this.#oriented = true;
      return;
    }
    const implied = impliedBy(packet);
    if (implied !== undefined && !(before === 'authorized' && packet.type === PKT_TYPE.DATA)) this.#state = implied;
    if (!this.#oriented) {
      this.#oriented = true;
    } else if (before === 'refused') {
      yield note('AFTER_REFUSAL', `${packetName(packet.type)} from the ${side}`);
    } else if (before === 'authorized' && packet.type === PKT_TYPE.DATA) {
      yield note('LATE_DATA');
    } else {
      yield note('OUT_OF_STATE', `${packetName(packet.type)} from the ${side} in the state "${before}"`);
    }
  }
}

/** Where a conversation is after a PDU of this type, whatever came before. */
const IMPLIED: Readonly<Partial<Record<number, FlowState>>> = {
  [PKT_TYPE.HANDSHAKE_REQUEST]: 'handshake',
  [PKT_TYPE.HANDSHAKE_RESPONSE]: 'open',
  [PKT_TYPE.TUNNEL_CREATE]: 'tunnel-requested',
  [PKT_TYPE.TUNNEL_RESPONSE]: 'tunnel-created',
  [PKT_TYPE.TUNNEL_AUTH]: 'authorization-requested',
  [PKT_TYPE.TUNNEL_AUTH_RESPONSE]: 'authorized',
  [PKT_TYPE.CHANNEL_CREATE]: 'channel-requested',
  [PKT_TYPE.CHANNEL_RESPONSE]: 'channel',
  [PKT_TYPE.DATA]: 'channel',
};

function impliedBy(packet: Packet): FlowState | undefined {
  const implied = IMPLIED[packet.type];
  return implied !== undefined && resultOf(packet) !== RESULT.SUCCESS ? 'refused' : implied;
}

interface Looked {
  readonly packet: Packet | undefined;
  readonly data: Buffer | undefined;
  readonly notes: readonly Note[];
  readonly tree: () => Span;
}

function thoroughly(bytes: Buffer): Looked {
  const { packet, tree, notes } = checkPdu(bytes);
  return { packet, data: packet?.type === PKT_TYPE.DATA ? packet.fields.data : undefined, notes, tree: () => tree };
}

const NO_NOTES: readonly Note[] = [];

/** DATA that is as it should be needs no tree until somebody asks; anything odd about it is looked at like the rest. */
function lightly(bytes: Buffer): Looked {
  if (looksLikePdu(bytes, 0, bytes.length) !== true) return thoroughly(bytes);
  const data = dataPayload(bytes);
  const packet: Packet = { type: PKT_TYPE.DATA, fields: { data } };
  return { packet, data, notes: NO_NOTES, tree: () => checkPdu(bytes).tree };
}
