/** Recordings with each kind of record protection, and helpers to split them into packets and drop some. */
import { type Chunk, makeIdentity, type Recording, recordTls, sendAndWait } from '../../support/tls-tap.js';
import { type Input, split } from './through.js';

const SUITES = {
  'TLS 1.2 GCM': 'ECDHE-ECDSA-AES128-GCM-SHA256',
  'TLS 1.2 ChaCha20': 'ECDHE-ECDSA-CHACHA20-POLY1305',
  'TLS 1.2 CBC': 'ECDHE-ECDSA-AES128-SHA256',
  'TLS 1.3': 'TLS_AES_128_GCM_SHA256',
} as const;
export type Name = keyof typeof SUITES;
export const NAMES = Object.keys(SUITES) as Name[];

/** Test data in which every 4 bytes state their own position, so that misplaced bytes are detected. */
export const FROM_CLIENT = positions(20 * 1400);
export const FROM_SERVER = positions(120_000);

export type Recordings = Readonly<Record<Name, Recording>>;

export async function recordAll(): Promise<Recordings> {
  const recordings = {} as Record<Name, Recording>;
  const identity = makeIdentity();
  for (const name of NAMES) {
    const ciphers = SUITES[name];
    const maxVersion = name === 'TLS 1.3' ? 'TLSv1.3' : 'TLSv1.2';
    recordings[name] = await recordTls(identity, {
      server: { maxVersion, ciphers },
      // The hello of newer OpenSSL versions offers larger keys and fills two packets. Here each hello is in one packet.
      client: { ciphers, ecdhCurve: 'prime256v1' },
      exchange: async (client, server) => {
        for (let round = 0; round < 20; round++) {
          await sendAndWait(client, server, FROM_CLIENT.subarray(round * 1400, (round + 1) * 1400));
          await sendAndWait(server, client, FROM_SERVER.subarray(round * 6000, (round + 1) * 6000));
        }
      },
    });
  }
  return recordings;
}

function positions(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}

/** Splits the chunks of a recording into TCP segments of at most `size` bytes. */
export function packets(recording: Recording, size = 1448): Chunk[] {
  return [...split(recording.chunks, () => size)];
}

/** Replaces the chunks at the indexes `lost` by gaps of the same length, as TCP reassembly does. */
export function drop(chunks: readonly Chunk[], lost: ReadonlySet<number>): Input[] {
  return chunks.map((chunk, at) => (lost.has(at) ? { from: chunk.from, gap: chunk.bytes.length } : chunk));
}
