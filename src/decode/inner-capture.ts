/** `--write`: the RDP connections inside the tunnels as a capture of their own, in place only when it is complete. */
import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import type { DecodeEvent } from '../capture/dissection.js';
import { PcapWriter, RDP_PORT } from '../capture/write/index.js';
import { Fault } from '../fault.js';
import { errnoOf, PRIVATE_FILE } from '../files.js';
import { PKT_TYPE } from '../protocol/index.js';

/** Bytes gathered before they are written. */
const WRITE_BYTES = 1024 * 1024;

type PduEvent = Extract<DecodeEvent, { type: 'pdu' }>;

export class InnerCapture {
  readonly #path: string;
  readonly #part: string;
  readonly #file: number;
  readonly #writer: PcapWriter;
  /** What each conversation asked for last. */
  readonly #targets = new Map<number, { readonly address: string; readonly port: number }>();
  readonly #open = new Set<number>();
  #gathered: Buffer[] = [];
  #length = 0;
  #closed = false;

  /** Throws a `Fault` when the file cannot be written, or is the one that is read. A symbolic link is followed. */
  constructor(given: string, input: string | undefined) {
    if (given === '-') throw unwritable(given, 'stdout is for what is shown');
    const path = behindLinks(given);
    this.#path = path;
    // A name of its own, and never one that is there: somebody's file may be called so, even the capture that is read.
    this.#part = `${path}.${process.pid}.part`;
    if (input !== undefined && isSame(path, input)) throw unwritable(path, 'it is the capture that is read');
    const kind = kindOf(path);
    if (kind !== undefined) throw unwritable(path, kind);
    if (isStdout(path)) throw unwritable(given, 'stdout is for what is shown');
    try {
      this.#file = openSync(this.#part, 'wx', PRIVATE_FILE);
    } catch (cause) {
      throw unwritable(path, errnoOf(cause) ?? 'unknown error', cause);
    }
    this.#writer = new PcapWriter((bytes) => this.#gather(bytes));
  }

  add(event: DecodeEvent): void {
    if (event.type === 'pdu') this.#pdu(event);
    else if (event.type === 'gap')
      this.#writer.gap(event.conversation.number, event.direction, event.length, event.place.time);
    else if (event.type === 'end') {
      this.#writer.end(event.conversation.number, event.place.time);
      this.#open.delete(event.conversation.number);
      this.#targets.delete(event.conversation.number);
    }
  }

  /** Host names and the documentation addresses that stand for them. */
  get placeholders(): ReadonlyMap<string, string> {
    return this.#writer.placeholders;
  }

  /** No conversation carried anything. */
  get isEmpty(): boolean {
    return this.#writer.packets === 0;
  }

  /** The capture is complete. */
  finish(): void {
    try {
      this.#flush();
      this.#close();
      renameSync(this.#part, this.#path);
    } catch (cause) {
      this.discard();
      throw cause instanceof Fault ? cause : unwritable(this.#path, errnoOf(cause) ?? 'unknown error', cause);
    }
  }

  /** Something else failed, or somebody had enough: nothing is left behind. */
  discard(): void {
    this.#close();
    rmSync(this.#part, { force: true });
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#file);
  }

  #pdu({ conversation, pdu }: PduEvent): void {
    const { number } = conversation;
    if (pdu.packet?.type === PKT_TYPE.CHANNEL_CREATE) {
      const { resources, port } = pdu.packet.fields;
      this.#targets.set(number, { address: resources[0] ?? '', port });
      // A second channel of the same tunnel is another connection.
      if (this.#open.delete(number)) this.#writer.end(number, pdu.time);
    }
    if (pdu.data === undefined || pdu.data.length === 0) return;
    if (!this.#open.has(number)) {
      const target = this.#targets.get(number) ?? { address: 'unknown', port: RDP_PORT };
      this.#writer.conversation(number, conversation.client, target, pdu.time);
      this.#open.add(number);
    }
    this.#writer.data(number, pdu.direction, pdu.data, pdu.time);
  }

  #gather(bytes: Buffer): void {
    this.#gathered.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= WRITE_BYTES) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#gathered, this.#length);
    this.#gathered = [];
    this.#length = 0;
    try {
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#file, bytes, offset);
    } catch (cause) {
      throw unwritable(this.#path, errnoOf(cause) ?? 'unknown error', cause);
    }
  }
}

/** Where a symbolic link leads; renaming onto the link itself would take its place. */
function behindLinks(path: string): string {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return path;
  try {
    return realpathSync(path);
  } catch (cause) {
    throw unwritable(path, 'it is a link that leads nowhere', cause);
  }
}

/** Why what stands there cannot be replaced: a folder, or a pipe or device, which would be a file afterwards. */
function kindOf(path: string): string | undefined {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined || facts.isFile()) return undefined;
  return facts.isDirectory() ? 'EISDIR' : 'it is no regular file';
}

/** `/dev/stdout` leads to a file where stdout was sent to one. */
function isStdout(path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const shown = fstatSync(1);
  return there !== undefined && there.ino === shown.ino && there.dev === shown.dev;
}

function isSame(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false;
  }
}

function unwritable(place: string, why: string, cause?: unknown): Fault {
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'its folder does not exist',
    EACCES: 'no permission',
    EISDIR: 'it is a folder',
    ENOSPC: 'the disk is full',
    EFBIG: 'it would be larger than is allowed',
    ENAMETOOLONG: 'its name is too long',
  };
  const message = `the capture cannot be written: ${words[why] ?? why}`;
  return new Fault({ kind: 'usage', code: 'WRITE_FAILED', message, place, hint: 'give --write another file', cause });
}
