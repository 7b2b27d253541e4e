/** Runs captures through the whole way down and keeps copies of what is told: what a sink gets are views. */
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

export interface ToldPdu {
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

/** All that was told, in order in `lines`, and by kind. */
export class Told {
  /** One line of JSON for each event, everything in it: what two runs that must agree are compared by. */
  readonly lines: string[] = [];
  readonly pdus: ToldPdu[] = [];
  readonly connections: Copied<'connection'>[] = [];
  readonly requests: Copied<'request'>[] = [];
  readonly responses: Copied<'response'>[] = [];
  readonly auths: Copied<'auth'>[] = [];
  readonly gaps: Copied<'gap'>[] = [];
  readonly notes: Copied<'note'>[] = [];
  readonly ends: Copied<'end'>[] = [];
  readonly problems: CaptureProblem[] = [];

  readonly take = (event: Event): void => {
    if (event.type === 'pdu') {
      this.pdus.push(copyOfPdu(event));
      this.lines.push(json(this.pdus.at(-1)));
      return;
    }
    const copy = copyOf(event);
    // Facts of a conversation grow with the packets; in all but these two kinds of event only its number is looked at.
    const whole = event.type === 'connection' || event.type === 'end';
    this.lines.push(json(whole ? copy : { ...copy, conversation: copy.conversation?.number }));
    if (copy.type === 'connection') this.connections.push(copy);
    if (copy.type === 'request') this.requests.push(copy);
    if (copy.type === 'response') this.responses.push(copy);
    if (copy.type === 'auth') this.auths.push(copy);
    if (copy.type === 'gap') this.gaps.push(copy);
    if (copy.type === 'note') this.notes.push(copy);
    if (copy.type === 'end') this.ends.push(copy);
  };

  of(direction: ToldPdu['direction']): ToldPdu[] {
    return this.pdus.filter((pdu) => pdu.direction === direction);
  }

  /** Codes of all remarks, those of PDUs among them. */
  get codes(): string[] {
    return [...this.notes.map(({ note }) => note.code), ...this.pdus.flatMap(({ notes }) => notes)];
  }
}

/** The fields of a PDU. Throws when they do not tile its bytes, which they must whatever the bytes are. */
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

/** Packets that were read already. */
export function dissectPackets(packets: Iterable<CapturedPacket>, keys: string | KeyLog): Told {
  const told = new Told();
  const dissection = new Dissection(told.take, keyLog(keys));
  for (const packet of packets) dissection.packet(packet);
  dissection.finish();
  return told;
}

/** A file that comes in chunks of at most `chunkSize`. */
export async function dissectFile(file: Buffer, keys: string | KeyLog = '', chunkSize = 65_536): Promise<Told> {
  const told = new Told();
  const log = keyLog(keys);
  const dissection = new Dissection(told.take, log);
  await openCapture(chunked(file, chunkSize), {
    packet: (packet) => dissection.packet(packet),
    secrets: (text) => log.add(text),
    problem: (problem) => told.problems.push(problem),
  });
  dissection.finish();
  return told;
}

/** A capture of `test/vectors/captures`, unpacked. */
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

function copyOfPdu({ conversation, n, pdu }: Copied<'pdu'>): ToldPdu {
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

/** Deep, for what events are made of. */
function copyOf<T>(value: T): T {
  if (Buffer.isBuffer(value)) return Buffer.from(value) as T;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, copyOf(item)])) as T;
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
}
