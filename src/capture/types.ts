/**
 * The types that the stations of the capture pipeline share. Each station is a push parser: it takes the output of the
 * station before it, buffers a bounded amount, and calls its sink synchronously; nothing awaits per packet. A missing
 * key, a gap or a failure is an event like any other, and reading continues.
 */

/** One packet of a capture file. */
export interface CapturedPacket {
  /** From 1 over the whole file, as Wireshark counts. */
  readonly frame: number;
  /** Nanoseconds since the epoch. */
  readonly time: bigint;
  /** LINKTYPE_… of tcpdump.org: 1 Ethernet, 113 Linux cooked, 276 Linux cooked v2, 0 null, 108 loop, 101 raw, … */
  readonly linkType: number;
  /** A view: valid until the sink returns. */
  readonly bytes: Buffer;
  /** Bytes on the wire; more than there are in `bytes` when the capture was cut short (snaplen). */
  readonly originalLength: number;
}

/** A packet of the capture by its number and time. */
export interface Place {
  readonly frame: number;
  readonly time: bigint;
}

/** A problem of the file itself. The reader has emitted every packet before it. */
export interface CaptureProblem {
  /** Stable: `CAPTURE_TRUNCATED`, `CAPTURE_DAMAGED`, `CAPTURE_UNKNOWN`, … */
  readonly code: string;
  /** One lower-case sentence without a full stop. */
  readonly message: string;
  /** Byte offset in the (uncompressed) file. */
  readonly offset: number;
}

/** One end of a TCP connection. */
export interface Endpoint {
  /** Canonical text, `10.0.0.1` or `fd00::2`. */
  readonly address: string;
  readonly port: number;
}

/** The TCP segment in a packet. */
export interface TcpSegment extends Place {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
  /** A view into the packet. */
  readonly payload: Buffer;
  /** Payload bytes on the wire: more than `payload` holds when the capture was cut short. */
  readonly payloadLength: number;
}

/** The sender of a segment. The client is the side that sent the SYN; without a SYN, the side with the higher port. */
export type Sender = 'client' | 'server';

/** A TCP connection, numbered from 1 in order of appearance. */
export interface Connection {
  readonly number: number;
  readonly client: Endpoint;
  readonly server: Endpoint;
  /** The first packet of it, and whether that was its SYN. */
  readonly start: Place;
  readonly sawStart: boolean;
}

/** `missing`: not captured, or not decryptable. `unreadable`: captured, but the framing around it is inconsistent. */
export type GapCause = 'missing' | 'unreadable';

/** Receives both directions of a byte stream: TCP, TLS plaintext, or the payload of a WebSocket or an HTTP body. */
export interface ByteSink {
  /** The next bytes in order. A view: valid until the sink returns. `place` is the packet that completed them. */
  bytes(from: Sender, bytes: Buffer, place: Place): void;
  /** `length` bytes are missing here (undefined: an unknown number). The next bytes follow the gap. */
  gap(from: Sender, length: number | undefined, place: Place): void;
  /** This direction ended. */
  end(from: Sender, how: 'fin' | 'reset' | 'capture ended', place: Place): void;
}

/** A note by its code; NOTES has its severity and text. */
export interface NoteEvent extends Place {
  readonly code: string;
  /** The instance of the problem, in a phrase that is appended to the text of NOTES. */
  readonly detail?: string;
}
