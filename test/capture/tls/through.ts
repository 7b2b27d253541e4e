/** Runs recorded bytes through a `TlsStation` and collects its output. */
import { type TlsInfo, type TlsSink, TlsStation } from '../../../src/capture/tls/index.js';
import { KeyLog } from '../../../src/capture/tls/keylog.js';
import type { NoteEvent, Sender } from '../../../src/capture/types.js';
import type { Chunk } from '../../support/tls-tap.js';

/** Input of the station: bytes or a gap of a TCP stream, or key log text that is added between packets. */
export type Input = Chunk | { readonly from: Sender; readonly gap: number | undefined } | { readonly keys: string };

/** Collects the output of a station. */
export class Outcome implements TlsSink {
  readonly client: Buffer[] = [];
  readonly server: Buffer[] = [];
  readonly infos: TlsInfo[] = [];
  readonly notes: NoteEvent[] = [];
  readonly gaps: { from: Sender; length: number | undefined }[] = [];
  readonly ends: string[] = [];
  /** Byte runs and gaps in order. Consecutive bytes of one sender are one run: `client 12`. */
  readonly order: string[] = [];
  #last: { from: Sender; length: number } | undefined;

  bytes(from: Sender, bytes: Buffer): void {
    this[from].push(Buffer.from(bytes));
    if (this.#last?.from === from) this.#last.length += bytes.length;
    else this.#last = { from, length: bytes.length };
    if (this.order.length === 0 || !this.order.at(-1)?.startsWith(from)) this.order.push('');
    this.order[this.order.length - 1] = `${from} ${this.#last.length}`;
  }

  gap(from: Sender, length: number | undefined): void {
    this.gaps.push({ from, length });
    this.order.push(`gap ${from} ${length ?? '?'}`);
    this.#last = undefined;
  }

  end(from: Sender, how: string): void {
    this.ends.push(`${from} ${how}`);
  }

  tls(info: TlsInfo): void {
    this.infos.push(info);
  }

  note(note: NoteEvent): void {
    this.notes.push(note);
  }

  text(from: Sender): Buffer {
    return Buffer.concat(this[from]);
  }

  get codes(): string[] {
    return this.notes.map((note) => note.code);
  }

  /** All output that must not depend on how the bytes were split into chunks. */
  get summary(): unknown {
    const notes = this.notes.map(({ code, detail }) => ({ code, detail }));
    const [client, server] = [this.text('client').toString('base64'), this.text('server').toString('base64')];
    return { client, server, infos: this.infos, notes, gaps: this.gaps, ends: this.ends, order: this.order };
  }
}

/** Decrypts `inputs`, each of which is one packet, and then ends both directions. */
export function decrypt(inputs: Iterable<Input>, keys: string | KeyLog): Outcome {
  const outcome = new Outcome();
  const log = typeof keys === 'string' ? new KeyLog() : keys;
  if (typeof keys === 'string') log.add(keys);
  const station = new TlsStation(log, outcome);
  let frame = 0;
  for (const input of inputs) {
    const place = { frame: ++frame, time: BigInt(frame) };
    if ('keys' in input) log.add(input.keys);
    else if ('bytes' in input) station.bytes(input.from, input.bytes, place);
    else station.gap(input.from, input.gap, place);
  }
  const place = { frame, time: BigInt(frame) };
  station.end('client', 'fin', place);
  station.end('server', 'fin', place);
  return outcome;
}

/** Splits the bytes of each chunk into chunks of the sizes that `nextSize` returns. */
export function* split(chunks: readonly Chunk[], nextSize: () => number): Generator<Chunk> {
  for (const { from, bytes } of chunks) {
    for (let at = 0; at < bytes.length; ) {
      const size = Math.max(1, nextSize());
      yield { from, bytes: bytes.subarray(at, at + size) };
      at += size;
    }
  }
}
