/**
 * `--write`: writes the RDP connections inside the tunnels to a new capture file. The file appears only when it is
 * complete.
 */
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

/** Bytes buffered before they are written. */
const WRITE_BYTES = 1024 * 1024;

const STDOUT_IN_USE = 'stdout is used for the decoded output';

type PduEvent = Extract<DecodeEvent, { type: 'pdu' }>;

export class InnerCapture {
  readonly #path: string;
  readonly #part: string;
  readonly #file: number;
  readonly #writer: PcapWriter;
  /** The last target that each conversation requested. */
  readonly #targets = new Map<number, { readonly address: string; readonly port: number }>();
  readonly #open = new Set<number>();
  #pending: Buffer[] = [];
  #length = 0;
  #closed = false;

  /** Throws a `Fault` if the file cannot be written or is the input. A symbolic link is followed. */
  constructor(given: string, input: string | undefined) {
    if (given === '-') throw unwritable(given, STDOUT_IN_USE);
    const path = resolveLink(given);
    this.#path = path;
    // Opened with 'wx' below: an existing file of this name, perhaps the input, is never overwritten.
    this.#part = `${path}.${process.pid}.part`;
    if (input !== undefined && isSame(path, input)) throw unwritable(path, 'it is the capture being read');
    const kind = kindOf(path);
    if (kind !== undefined) throw unwritable(path, kind);
    if (isStdout(path)) throw unwritable(given, STDOUT_IN_USE);
    try {
      this.#file = openSync(this.#part, 'wx', PRIVATE_FILE);
    } catch (cause) {
      throw unwritable(path, errnoOf(cause) ?? 'unknown error', cause);
    }
    this.#writer = new PcapWriter((bytes) => this.#append(bytes));
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

  /** Host names and the documentation addresses that replace them. */
  get placeholders(): ReadonlyMap<string, string> {
    return this.#writer.placeholders;
  }

  /** Whether no conversation carried data. */
  get isEmpty(): boolean {
    return this.#writer.packets === 0;
  }

  /** Writes the rest and moves the capture to its final name. Throws a `Fault` if that fails. */
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

  /** Removes the unfinished capture, after an error or a signal. May be called again. */
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

  #append(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= WRITE_BYTES) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#pending, this.#length);
    this.#pending = [];
    this.#length = 0;
    try {
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#file, bytes, offset);
    } catch (cause) {
      throw unwritable(this.#path, errnoOf(cause) ?? 'unknown error', cause);
    }
  }
}

/** The target of a symbolic link. Renaming a file onto the link would replace the link. */
function resolveLink(path: string): string {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return path;
  try {
    return realpathSync(path);
  } catch (cause) {
    throw unwritable(path, 'it is a symbolic link to a file that does not exist', cause);
  }
}

/** Why an existing file cannot be replaced: it is a folder, or a pipe or device, which a regular file would replace. */
function kindOf(path: string): string | undefined {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined || facts.isFile()) return undefined;
  return facts.isDirectory() ? 'EISDIR' : 'it is not a regular file';
}

/** Whether `path` is the file to which stdout is redirected; `/dev/stdout` is a link to it. */
function isStdout(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  const stdout = fstatSync(1);
  return file !== undefined && file.ino === stdout.ino && file.dev === stdout.dev;
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
  const messages: Readonly<Record<string, string>> = {
    ENOENT: 'its folder does not exist',
    EACCES: 'no permission',
    EISDIR: 'it is a folder',
    ENOSPC: 'the disk is full',
    EFBIG: 'it exceeds the file size limit',
    ENAMETOOLONG: 'its name is too long',
  };
  const message = `the capture cannot be written: ${messages[why] ?? why}`;
  return new Fault({
    kind: 'usage',
    code: 'WRITE_FAILED',
    message,
    place,
    hint: 'choose another file for --write',
    cause,
  });
}
