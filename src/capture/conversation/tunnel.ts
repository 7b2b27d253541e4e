/** The PDU streams of one conversation: framed, dissected, and checked against the message order of MS-TSGU. */
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
import { TokenChecker } from '../auth/access-token.js';
import { type Note, note } from '../notes.js';
import type { Place } from '../types.js';
import { checkPdu } from './checks.js';
import type { Direction } from './conversation.js';
import { looksLikePdu } from './pdu-probe.js';
import { MAX_SEEK_BYTES } from './resync.js';
import { TimingChecker } from './timing.js';

const DIRECTIONS = ['client-to-server', 'server-to-client'] as const;

/** One complete PDU. `bytes` and all views into them are valid until the sink returns. */
export interface PduEvent extends Place {
  readonly direction: Direction;
  readonly packetType: number;
  /** `PKT_TYPE_DATA` */
  readonly name: string;
  readonly bytes: Buffer;
  /** The payload of a well-formed DATA. */
  readonly data: Buffer | undefined;
  /** Undefined where the PDU is malformed or its type is unknown. */
  readonly packet: Packet | undefined;
  /** The fields by name and offset, computed on demand. */
  tree(): Span;
  readonly notes: readonly Note[];
}

export interface TunnelSink {
  pdu(event: PduEvent): void;
  /** A note that belongs to no PDU. */
  note(direction: Direction, note: Note, place: Place): void;
}

export interface TunnelOptions {
  /** The conversation is captured from its first byte. Otherwise any PDU may be the first. */
  readonly fromStart: boolean;
}

/** Bytes pushed into a framer at a time, less than its buffer limit. */
const SLICE = 64 * 1024;

interface Stream {
  framer: Framer;
  /** `lost`: bytes are skipped until a header is recognised; `given-up`: all further bytes are skipped. */
  state: 'framed' | 'lost' | 'given-up';
  skipped: number;
  /** In the state `lost`: the last bytes, which may begin a header. */
  held: Buffer;
  /** Bytes still to come of a PDU that a gap has cut; they are skipped. */
  cutBytesLeft: number;
}

const NOTHING = Buffer.alloc(0);

function newStream(): Stream {
  return { framer: new Framer(), state: 'framed', skipped: 0, held: NOTHING, cutBytesLeft: 0 };
}

export class TunnelStation {
  readonly #sink: TunnelSink;
  readonly #timing = new TimingChecker();
  readonly #token = new TokenChecker();
  readonly #streams: Readonly<Record<Direction, Stream>> = {
    'client-to-server': newStream(),
    'server-to-client': newStream(),
  };
  #state: FlowState = 'start';
  /** False where `#state` may be wrong: at the start of an incomplete capture and after a gap, until the next PDU. */
  #stateKnown: boolean;

  constructor(sink: TunnelSink, { fromStart }: TunnelOptions) {
    this.#sink = sink;
    this.#stateKnown = fromStart;
  }

  get state(): FlowState {
    return this.#state;
  }

  bytes(direction: Direction, bytes: Buffer, place: Place): void {
    const stream = this.#streams[direction];
    const start = Math.min(stream.cutBytesLeft, bytes.length);
    stream.cutBytesLeft -= start;
    for (let offset = start; offset < bytes.length; offset += SLICE) {
      let left: Buffer | undefined = bytes.subarray(offset, offset + SLICE);
      // The bytes after an impossible header are read again, so that the result does not depend on how the input is
      // split. Each iteration consumes at least one header.
      while (left !== undefined && left.length > 0) {
        const found: Buffer | undefined = stream.state === 'framed' ? left : this.#seek(stream, left);
        left = found && this.#frame(direction, stream, found, place);
      }
    }
  }

  /**
   * `length` bytes are missing (undefined: an unknown number), and the current PDU is cut. If its length covers the
   * gap, the next PDU begins after it; otherwise the stream is searched for the next header.
   */
  gap(direction: Direction, length: number | undefined, place: Place): void {
    const stream = this.#streams[direction];
    const missing =
      stream.cutBytesLeft > 0 ? stream.cutBytesLeft : stream.state === 'framed' ? stream.framer.missing : undefined;
    this.#cut(direction, stream, place);
    stream.held = NOTHING;
    if (length !== undefined && missing !== undefined && length <= missing) {
      stream.cutBytesLeft = missing - length;
    } else {
      stream.cutBytesLeft = 0;
      if (stream.state !== 'given-up') this.#loseSync(stream);
    }
    // PDUs in the gap may have changed the state.
    this.#stateKnown = false;
  }

  end(place: Place): void {
    for (const direction of DIRECTIONS) this.#cut(direction, this.#streams[direction], place);
    for (const { direction, note } of this.#timing.end(this.#state)) this.#sink.note(direction, note, place);
  }

  #cut(direction: Direction, stream: Stream, place: Place): void {
    const { buffered } = stream.framer;
    if (stream.state === 'framed' && buffered > 0)
      this.#sink.note(direction, note('PDU_CUT', `${buffered} bytes of it are there`), place);
    stream.framer = new Framer();
  }

  #loseSync(stream: Stream): void {
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

  /** Frames and emits PDUs. At an impossible header it returns the bytes after that header, otherwise undefined. */
  #frame(direction: Direction, stream: Stream, bytes: Buffer, place: Place): Buffer | undefined {
    try {
      stream.framer.push(bytes);
      for (let pdu = stream.framer.next(); pdu !== undefined; pdu = stream.framer.next())
        this.#pdu(direction, pdu, place);
      // INVARIANT: the framer must not keep `bytes`: the next unmasking or the next chunk of the file overwrites them.
      stream.framer.detach();
      return undefined;
    } catch (error) {
      if (!(error instanceof PduError || error instanceof LimitError)) throw error;
      this.#sink.note(direction, note('PDU_FRAMING', error.message), place);
      const rest = stream.framer.drain().subarray(HEADER_LENGTH);
      this.#loseSync(stream);
      this.#stateKnown = false;
      return rest;
    }
  }

  #pdu(direction: Direction, bytes: Buffer, place: Place): void {
    const { packet, data, notes, tree } = isData(bytes) ? inspectData(bytes) : inspectPdu(bytes);
    const packetType = peekHeader(bytes)?.packetType ?? 0;
    const allNotes = [...notes];
    if (packet) allNotes.push(...this.#checkOrder(direction, packet), ...this.#token.check(packet, place.time));
    allNotes.push(...this.#timing.check(direction, packetType, place.time));
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
      notes: allNotes,
    });
  }

  /**
   * Advances the state. Yields a note for a PDU that is not allowed; the state is then the one that this PDU implies.
   */
  *#checkOrder(direction: Direction, packet: Packet): Generator<Note> {
    const side: Side = direction === 'client-to-server' ? 'client' : 'gateway';
    const before = this.#state;
    const next = step(before, side, packet);
    if (next !== undefined) {
      this.#state = next;
      this.#stateKnown = true;
      return;
    }
    const implied = impliedBy(packet);
    if (implied !== undefined && !(before === 'authorized' && packet.type === PKT_TYPE.DATA)) this.#state = implied;
    if (!this.#stateKnown) {
      this.#stateKnown = true;
    } else if (before === 'refused') {
      yield note('AFTER_REFUSAL', `${packetName(packet.type)} from the ${side}`);
    } else if (before === 'authorized' && packet.type === PKT_TYPE.DATA) {
      yield note('LATE_DATA');
    } else {
      yield note('OUT_OF_STATE', `${packetName(packet.type)} from the ${side} in the state "${before}"`);
    }
  }
}

/** The state after a PDU of this type, regardless of the state before it. */
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

interface InspectedPdu {
  readonly packet: Packet | undefined;
  readonly data: Buffer | undefined;
  readonly notes: readonly Note[];
  readonly tree: () => Span;
}

function inspectPdu(bytes: Buffer): InspectedPdu {
  const { packet, tree, notes } = checkPdu(bytes);
  return { packet, data: packet?.type === PKT_TYPE.DATA ? packet.fields.data : undefined, notes, tree: () => tree };
}

const NO_NOTES: readonly Note[] = [];

/** The fast path for well-formed DATA, without a dissection tree. Any other DATA takes the path of the other types. */
function inspectData(bytes: Buffer): InspectedPdu {
  if (looksLikePdu(bytes, 0, bytes.length) !== true) return inspectPdu(bytes);
  const data = dataPayload(bytes);
  const packet: Packet = { type: PKT_TYPE.DATA, fields: { data } };
  return { packet, data, notes: NO_NOTES, tree: () => checkPdu(bytes).tree };
}
