/** The common output of all file format readers: numbered packets, key log text and at most one problem. */
import type { CapturedPacket, CaptureProblem } from '../types.js';

/** Largest accepted packet, as in Wireshark. A larger stated length is reported as damage and never buffered. */
export const MAX_PACKET_BYTES = 256 * 1024;

/** Receives the contents of a capture file. Calls are synchronous. */
export interface CaptureSink {
  packet(packet: CapturedPacket): void;
  /** TLS key log lines embedded in the file (NSS format), unparsed. */
  secrets(text: string): void;
  /** Called at most once, after everything that could be read. */
  problem(problem: CaptureProblem): void;
}

/** Numbers frames and forwards them to the sink until a problem or `stop`. */
export class Frames {
  readonly #sink: CaptureSink;
  #frame = 0;
  #stopped = false;

  constructor(sink: CaptureSink) {
    this.#sink = sink;
  }

  /** Whether reading is over: a problem was reported, or the caller stopped it. */
  get stopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
  }

  packet(time: bigint, linkType: number, bytes: Buffer, originalLength: number): void {
    this.#frame++;
    if (this.#stopped) return;
    const length = originalLength > bytes.length ? originalLength : bytes.length;
    this.#sink.packet({ frame: this.#frame, time, linkType, bytes, originalLength: length });
  }

  /** Counts a frame that is not a packet. Wireshark numbers such blocks too, so the numbers stay equal. */
  countNonPacket(): void {
    this.#frame++;
  }

  secrets(text: string): void {
    if (!this.#stopped) this.#sink.secrets(text);
  }

  problem(code: string, message: string, offset: number): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#sink.problem({ code, message, offset });
  }
}
