/** Dissects captures and records copies of all events, because the events contain views of reused buffers. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Dissection } from '../../src/capture/dissection.js';
import { openCapture } from '../../src/capture/file/open.js';
import { KeyLog } from '../../src/capture/tls/keylog.js';
import type { CapturedPacket, CaptureProblem } from '../../src/capture/types.js';
import type { Span } from '../../src/protocol/index.js';
import { CAPTURES, chunked } from './read-capture.js';

type Event = Parameters<ConstructorParameters<typeof Dissection>[0]>[0];
export type PduOf = Extract<Event, { type: 'pdu' }>['pdu'];

/** A field of a PDU: names joined with dots, a blob as hexadecimal digits, a 64-bit number as text. */
export interface Leaf {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly value: number | string | undefined;
  readonly text: string | undefined;
}

export interface RecordedPdu {
  readonly conversation: number;
  readonly n: number;
  readonly frame: number;
  readonly time: bigint;
  readonly direction: PduOf['direction'];
  readonly packetType: number;
  readonly name: string;
  readonly bytes: Buffer;
  readonly data: Buffer | undefined;
  readonly leaves: readonly Leaf[];
  readonly notes: readonly string[];
}

type Copied<T extends Event['type']> = Extract<Event, { type: T }>;

/** Records all events of a dissection, in order in `lines`, and by kind. */
export class DissectionRecorder {
  /** Each event as a line of JSON with all its data, to compare two runs that must be equal. */
  readonly lines: string[] = [];
  readonly pdus: RecordedPdu[] = [];
  readonly connections: Copied<'connection'>[] = [];
  readonly requests: Copied<'request'>[] = [];
  readonly responses: Copied<'response'>[] = [];
  readonly auths: Copied<'auth'>[] = [];
  readonly gaps: Copied<'gap'>[] = [];
  readonly notes: Copied<'note'>[] = [];
  readonly ends: Copied<'end'>[] = [];
  readonly problems: CaptureProblem[] = [];

  readonly record = (event: Event): void => {
    if (event.type === 'pdu') {
      this.pdus.push(copyOfPdu(event));
      this.lines.push(json(this.pdus.at(-1)));
      return;
    }
    const copy = copyOf(event);
    // The facts of a conversation change with later packets, so only these two kinds of events include them in `lines`.
    const withFacts = event.type === 'connection' || event.type === 'end';
    this.lines.push(json(withFacts ? copy : { ...copy, conversation: copy.conversation?.number }));
    if (copy.type === 'connection') this.connections.push(copy);
    if (copy.type === 'request') this.requests.push(copy);
    if (copy.type === 'response') this.responses.push(copy);
    if (copy.type === 'auth') this.auths.push(copy);
    if (copy.type === 'gap') this.gaps.push(copy);
    if (copy.type === 'note') this.notes.push(copy);
    if (copy.type === 'end') this.ends.push(copy);
  };

  of(direction: RecordedPdu['direction']): RecordedPdu[] {
    return this.pdus.filter((pdu) => pdu.direction === direction);
  }

  /** The codes of all notes, including those of PDUs. */
  get codes(): string[] {
    return [...this.notes.map(({ note }) => note.code), ...this.pdus.flatMap(({ notes }) => notes)];
  }
}

/** The fields of a PDU. Throws unless they cover all its bytes without gap or overlap, as they must for any input. */
export function leavesOf(tree: Span, length: number): Leaf[] {
  const leaves =
    tree.children === undefined ? [...walk(tree, '')] : tree.children.flatMap((child) => [...walk(child, '')]);
  let at = 0;
  for (const leaf of leaves) {
    if (leaf.offset !== at) throw new Error(`${leaf.name} begins at ${leaf.offset} instead of ${at}`);
    at += leaf.length;
  }
  if (at !== length) throw new Error(`the fields of ${tree.name} end at ${at} instead of ${length}`);
  return leaves;
}

function* walk({ name, offset, length, value, text, children }: Span, path: string): Generator<Leaf> {
  if (children) {
    for (const child of children) yield* walk(child, `${path}${name}.`);
  } else {
    const plain = Buffer.isBuffer(value) ? value.toString('hex') : typeof value === 'bigint' ? String(value) : value;
    yield { name: path + name, offset, length, value: plain, text };
  }
}

/** Dissects packets. */
export function dissectPackets(packets: Iterable<CapturedPacket>, keys: string | KeyLog): DissectionRecorder {
  const recorder = new DissectionRecorder();
  const dissection = new Dissection(recorder.record, keyLog(keys));
  for (const packet of packets) dissection.packet(packet);
  dissection.finish();
  return recorder;
}

/** Dissects a capture file, which is read in chunks of at most `chunkSize` bytes. */
export async function dissectFile(
  file: Buffer,
  keys: string | KeyLog = '',
  chunkSize = 65_536,
): Promise<DissectionRecorder> {
  const recorder = new DissectionRecorder();
  const log = keyLog(keys);
  const dissection = new Dissection(recorder.record, log);
  await openCapture(chunked(file, chunkSize), {
    packet: (packet) => dissection.packet(packet),
    secrets: (text) => log.add(text),
    problem: (problem) => recorder.problems.push(problem),
  });
  dissection.finish();
  return recorder;
}

/** The uncompressed content of a capture in `test/vectors/captures`. */
export function captureFile(name: string): Buffer {
  return gunzipSync(readFileSync(`${CAPTURES}/${name}`));
}

export function keyFile(name: string): string {
  return readFileSync(`${CAPTURES}/${name}`, 'latin1');
}

function keyLog(keys: string | KeyLog): KeyLog {
  if (typeof keys !== 'string') return keys;
  const log = new KeyLog();
  log.add(keys);
  return log;
}

function copyOfPdu({ conversation, n, pdu }: Copied<'pdu'>): RecordedPdu {
  const { frame, time, direction, packetType, name, notes } = pdu;
  return {
    conversation: conversation.number,
    n,
    frame,
    time,
    direction,
    packetType,
    name,
    bytes: Buffer.from(pdu.bytes),
    data: pdu.data && Buffer.from(pdu.data),
    leaves: leavesOf(pdu.tree(), pdu.bytes.length),
    notes: notes.map(({ code }) => code),
  };
}

/** A deep copy of a value of an event. */
function copyOf<T>(value: T): T {
  if (Buffer.isBuffer(value)) return Buffer.from(value) as T;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, copyOf(item)])) as T;
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
}
