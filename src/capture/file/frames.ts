/** What every file format hands on: numbered packets, and at most one problem, after which nothing more is read. */
import type { CapturedPacket, CaptureProblem } from '../types.js';

/** Largest packet that is believed, as in Wireshark: a larger length is damage, and is never waited for. */
export const MAX_PACKET_BYTES = 256 * 1024;

export interface CaptureSink {
  packet(packet: CapturedPacket): void;
  /** TLS key log lines that the file carries (NSS format), as they stand there. */
  secrets(text: string): void;
  /** At most once, after everything that was understood. */
  problem(problem: CaptureProblem): void;
}

export class Frames {
  readonly #sink: CaptureSink;
  #frame = 0;
  #stopped = false;

  constructor(sink: CaptureSink) {
    this.#sink = sink;
  }

  /** Whether nobody wants to hear more: the file is damaged, or the caller has had enough. */
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

  /** Something that Wireshark gives a frame number, and that is no packet. */
  other(): void {
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
