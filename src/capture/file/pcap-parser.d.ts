/** Types for pcap-parser 0.2.1, which has none. Only the parts that classic.ts uses are declared. */
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

  /** The part of a stream that the parser uses. */
  interface PcapSource {
    pause(): unknown;
    resume(): unknown;
    on(event: string, listener: (data: Buffer) => void): unknown;
  }

  interface PcapParser {
    /** Unconsumed input; null before the first chunk. An undocumented internal that classic.ts sets. */
    buffer: Buffer | null;
    on(event: 'packet', listener: (packet: PcapPacket) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  export function parse(source: PcapSource): PcapParser;
}
