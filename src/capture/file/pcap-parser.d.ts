/** pcap-parser 0.2.1 has no types. Only what the guard in classic.ts uses. */
declare module 'pcap-parser' {
  interface PcapPacket {
    readonly header: {
      readonly timestampSeconds: number;
      readonly timestampMicroseconds: number;
      readonly capturedLength: number;
      readonly originalLength: number;
    };
    readonly data: Buffer;
  }

  /** What the parser asks of a stream. */
  interface PcapSource {
    pause(): unknown;
    resume(): unknown;
    on(event: string, listener: (data: Buffer) => void): unknown;
  }

  interface PcapParser {
    /** What is left of the bytes it was given; null before the first. Private in spirit, see classic.ts. */
    buffer: Buffer | null;
    on(event: 'packet', listener: (packet: PcapPacket) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  export function parse(source: PcapSource): PcapParser;
}
