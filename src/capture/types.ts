/**
 * The words in which the stations of a capture speak to each other. Each station is a push parser: it takes what the station
 * before it emits, keeps a bounded amount, and calls its sink synchronously; nothing awaits per packet. A missing key, a gap or
 * a failure is an event like any other, and the way goes on.
 */

/** One packet as the file has it. */
export interface CapturedPacket {
  /** From 1 over the whole file, as Wireshark counts. */
  readonly frame: number;
  /** Nanoseconds since the epoch. */
  readonly time: bigint;
  /** LINKTYPE_… as tcpdump.org lists them: 1 Ethernet, 113 Linux cooked, 276 Linux cooked v2, 0 null, 108 loop, 101 raw, … */
  readonly linkType: number;
  /** A view: valid until the sink returns. */
  readonly bytes: Buffer;
  /** Bytes on the wire; more than there are in `bytes` when the capture was cut short (snaplen). */
  readonly originalLength: number;
}

/** Where in the capture something was seen. */
export interface Place {
  readonly frame: number;
  readonly time: bigint;
}

/** What is wrong with the file itself. The reader has told all it understood before. */
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

/** A TCP segment out of a packet. */
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

/** Who sent it. The client is who sent the SYN; without one, who is on the higher port. */
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

/** `missing`: not in the capture, or not to be opened. `unreadable`: it is there, and what carries it does not fit together. */
export type GapCause = 'missing' | 'unreadable';

/** What becomes of one direction of a byte stream, whatever carries it: TCP, TLS plaintext, a WebSocket's or a body's payload. */
export interface ByteSink {
  /** The next bytes in order. A view: valid until the sink returns. `place` is the packet that completed them. */
  bytes(from: Sender, bytes: Buffer, place: Place): void;
  /** `length` bytes are missing here (undefined: nobody knows how many). What follows continues behind the gap. */
  gap(from: Sender, length: number | undefined, place: Place): void;
  /** This direction ended. */
  end(from: Sender, how: 'fin' | 'reset' | 'capture ended', place: Place): void;
}

/** A remark about what was seen; codes, severities and words stand in one table. */
export interface NoteEvent extends Place {
  readonly code: string;
  /** What this one is about, in a few words; the table has the sentence. */
  readonly detail?: string;
}
