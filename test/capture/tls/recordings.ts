/** A conversation under each kind of record protection, and what a capture may do to its packets. */
import { type Chunk, makeIdentity, type Recording, recordTls, say } from '../../support/tls-tap.js';
import { cut, type Input } from './through.js';

const SUITES = {
  'TLS 1.2 GCM': 'ECDHE-ECDSA-AES128-GCM-SHA256',
  'TLS 1.2 ChaCha20': 'ECDHE-ECDSA-CHACHA20-POLY1305',
  'TLS 1.2 CBC': 'ECDHE-ECDSA-AES128-SHA256',
  'TLS 1.3': 'TLS_AES_128_GCM_SHA256',
} as const;
export type Name = keyof typeof SUITES;
export const NAMES = Object.keys(SUITES) as Name[];

/** Counting bytes: a piece in the wrong place shows. */
export const FROM_CLIENT = numbered(20 * 1400);
export const FROM_SERVER = numbered(120_000);

export type Recordings = Readonly<Record<Name, Recording>>;

export async function recordAll(): Promise<Recordings> {
  const recordings = {} as Record<Name, Recording>;
  const identity = makeIdentity();
  for (const name of NAMES) {
    const ciphers = SUITES[name];
    const maxVersion = name === 'TLS 1.3' ? 'TLSv1.3' : 'TLSv1.2';
    recordings[name] = await recordTls(identity, {
      server: { maxVersion, ciphers },
      client: { ciphers },
      talk: async (client, server) => {
        for (let turn = 0; turn < 20; turn++) {
          await say(client, server, FROM_CLIENT.subarray(turn * 1400, (turn + 1) * 1400));
          await say(server, client, FROM_SERVER.subarray(turn * 6000, (turn + 1) * 6000));
        }
      },
    });
  }
  return recordings;
}

function numbered(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}

/** What TCP makes of it. */
export function packets(recording: Recording, size = 1448): Chunk[] {
  return [...cut(recording.chunks, () => size)];
}

/** The packets without some; TCP reassembly knows how much is missing. */
export function drop(chunks: readonly Chunk[], lost: ReadonlySet<number>): Input[] {
  return chunks.map((one, at) => (lost.has(at) ? { from: one.from, gap: one.bytes.length } : one));
}
