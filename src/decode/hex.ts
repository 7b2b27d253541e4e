/** PDUs given as text or bytes, without a capture: they have no time, no frame and no connection. */
import { checkPdu } from '../capture/conversation/checks.js';
import type { Direction } from '../capture/dissection.js';
import { type Note, note } from '../capture/notes.js';
import {
  dissect,
  Framer,
  LimitError,
  type Packet,
  PduError,
  PKT_TYPE,
  packetName,
  peekHeader,
} from '../protocol/index.js';
import { fieldsOf } from './fields.js';
import { type JsonLine, type JsonOptions, noteLine, spansOf } from './json.js';
import type { ShownPdu } from './text.js';

/** Bytes pushed into the framer at a time, many PDUs. The framer limits the bytes that it holds. */
const SLICE = 64 * 1024;

/** Packet types that only the gateway sends. Other PDUs are attributed to the client, unless a direction is given. */
const FROM_GATEWAY: readonly number[] = [
  PKT_TYPE.HANDSHAKE_RESPONSE,
  PKT_TYPE.TUNNEL_RESPONSE,
  PKT_TYPE.TUNNEL_AUTH_RESPONSE,
  PKT_TYPE.CHANNEL_RESPONSE,
  PKT_TYPE.SERVICE_MESSAGE,
  PKT_TYPE.REAUTH_MESSAGE,
];

export interface BarePdu extends ShownPdu {
  readonly direction: Direction;
  /** Undefined if the bytes do not match the layout of the type. */
  readonly packet: Packet | undefined;
  /** The payload of DATA. */
  readonly data: Buffer | undefined;
}

/** The bytes after the last PDU, and the reason why they are not a PDU. */
export interface BareRest {
  readonly note: Note;
  readonly bytes: Buffer;
}

/** Yields the PDUs in `bytes`, which is one PDU or a stream of them. Never throws for invalid bytes. */
export function* readBarePdus(
  bytes: Buffer,
  direction: Direction | undefined,
): Generator<BarePdu, BareRest | undefined> {
  const framer = new Framer();
  let used = 0;
  try {
    for (let offset = 0; offset < bytes.length; offset += SLICE) {
      framer.push(bytes.subarray(offset, offset + SLICE));
      for (let pdu = framer.next(); pdu !== undefined; pdu = framer.next()) {
        used += pdu.length;
        yield shown(pdu, direction);
      }
    }
  } catch (error) {
    if (!(error instanceof PduError || error instanceof LimitError)) throw error;
    return { note: note('PDU_FRAMING', error.message), bytes: bytes.subarray(used) };
  }
  const rest = bytes.subarray(used);
  return rest.length === 0 ? undefined : { note: note('PDU_CUT', cutDetail(rest)), bytes: rest };
}

function shown(bytes: Buffer, direction: Direction | undefined): BarePdu {
  const { packet, tree, notes } = checkPdu(bytes);
  const packetType = peekHeader(bytes)?.packetType ?? 0;
  const implied = FROM_GATEWAY.includes(packetType) ? 'server-to-client' : 'client-to-server';
  return {
    direction: direction ?? implied,
    packetType,
    name: packetName(packetType),
    bytes,
    packet,
    data: packet?.type === PKT_TYPE.DATA ? packet.fields.data : undefined,
    tree: () => tree,
    notes,
  };
}

function cutDetail(rest: Buffer): string {
  const length = peekHeader(rest)?.packetLength;
  return length === undefined
    ? `${rest.length} bytes are no header`
    : `its header says ${length} bytes, ${rest.length} are there`;
}

/** The readable part of a PDU that was cut. */
export function shownRest({ bytes, note }: BareRest): ShownPdu {
  const packetType = peekHeader(bytes)?.packetType ?? 0;
  const name = peekHeader(bytes) ? packetName(packetType) : 'no packet';
  return { direction: null, packetType, name, bytes, tree: () => dissect(bytes), notes: [note] };
}

export function barePduLine(pdu: ShownPdu, n: number, options: JsonOptions): JsonLine {
  const tree = pdu.tree();
  return {
    type: 'pdu',
    n,
    frame: null,
    time: null,
    connection: 1,
    transport: 'hex',
    direction: pdu.direction,
    packetType: pdu.packetType,
    name: pdu.name,
    length: pdu.bytes.length,
    fields: fieldsOf(pdu.packetType, tree, options),
    ...(options.verbose ? { spans: spansOf(pdu.packetType, tree, options) } : {}),
    notes: pdu.notes.map(noteLine),
  };
}
