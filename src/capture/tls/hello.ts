/** Lenient parsers for ClientHello and ServerHello (RFC 8446 section 4.1, RFC 5246 section 7.4.1). */
import { createHash } from 'node:crypto';

/** The fields of a ClientHello used here. */
export interface ClientHello {
  readonly random: Buffer;
  readonly sessionId: Buffer;
  /** server_name (RFC 6066 section 3), printable characters only. */
  readonly sni: string | undefined;
  /** Whether the client offers early data (RFC 8446 section 4.2.10). */
  readonly earlyData: boolean;
}

/** The fields of a ServerHello used here. */
export interface ServerHello {
  readonly random: Buffer;
  readonly sessionId: Buffer;
  /** As on the wire, 0x0304 for TLS 1.3. */
  readonly version: number;
  readonly suite: number;
  readonly alpn: string | undefined;
  readonly encryptThenMac: boolean;
  /** Whether TLS 1.3 resumes with a pre-shared key. */
  readonly resumesPsk: boolean;
  /** Whether this is a HelloRetryRequest (RFC 8446 section 4.1.4). */
  readonly retry: boolean;
}

const EXTENSION = {
  serverName: 0,
  alpn: 16,
  encryptThenMac: 22,
  preSharedKey: 41,
  earlyData: 42,
  supportedVersions: 43,
};

/** A ServerHello with this random is a HelloRetryRequest (RFC 8446 section 4.1.3). */
const RETRY_RANDOM = createHash('sha256').update('HelloRetryRequest').digest();

/** Parses the body of a ClientHello. Returns undefined when it is not one. */
export function readClientHello(body: Buffer): ClientHello | undefined {
  const reader = new Reader(body);
  reader.take(2);
  const random = reader.take(32);
  const sessionId = reader.vector(1);
  reader.vector(2);
  reader.vector(1);
  if (reader.failed) return undefined;
  const extensions = readExtensions(reader);
  const names = new Reader(extensions.get(EXTENSION.serverName) ?? EMPTY);
  names.take(3);
  return {
    random: Buffer.from(random),
    sessionId: Buffer.from(sessionId),
    sni: text(names.vector(2)),
    earlyData: extensions.has(EXTENSION.earlyData),
  };
}

/** Parses the body of a ServerHello. Returns undefined when it is not one. */
export function readServerHello(body: Buffer): ServerHello | undefined {
  const reader = new Reader(body);
  const legacyVersion = reader.number(2);
  const random = reader.take(32);
  const sessionId = reader.vector(1);
  const suite = reader.number(2);
  reader.take(1);
  if (reader.failed) return undefined;
  const extensions = readExtensions(reader);
  const selected = extensions.get(EXTENSION.supportedVersions);
  return {
    random: Buffer.from(random),
    sessionId: Buffer.from(sessionId),
    version: selected?.length === 2 ? selected.readUInt16BE() : legacyVersion,
    suite,
    alpn: readAlpn(extensions),
    encryptThenMac: extensions.has(EXTENSION.encryptThenMac),
    resumesPsk: extensions.has(EXTENSION.preSharedKey),
    retry: random.equals(RETRY_RANDOM),
  };
}

/** Returns the ALPN protocol (RFC 7301) in the body of TLS 1.3 EncryptedExtensions. */
export function readEncryptedExtensions(body: Buffer): string | undefined {
  return readAlpn(readExtensions(new Reader(body)));
}

function readAlpn(extensions: ReadonlyMap<number, Buffer>): string | undefined {
  return text(new Reader(new Reader(extensions.get(EXTENSION.alpn) ?? EMPTY).vector(2)).vector(1));
}

function readExtensions(reader: Reader): Map<number, Buffer> {
  const extensions = new Map<number, Buffer>();
  const list = new Reader(reader.vector(2));
  while (list.left > 0) {
    const type = list.number(2);
    const value = list.vector(2);
    if (list.failed) break;
    extensions.set(type, value);
  }
  return extensions;
}

/**
 * Names are untrusted input. Replaces all but printable ASCII, so that they cannot contain terminal control sequences.
 */
function text(bytes: Buffer): string | undefined {
  return bytes.length > 0 ? bytes.toString('latin1').replace(/[^\x21-\x7e]/g, '?') : undefined;
}

const EMPTY = Buffer.alloc(0);

/** Reads big-endian fields. A read past the end sets `failed` and returns an empty value, as do all later reads. */
class Reader {
  failed = false;
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Buffer {
    if (length > this.left) this.failed = true;
    const part = this.failed ? EMPTY : this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += part.length;
    return part;
  }

  number(width: 1 | 2): number {
    const bytes = this.take(width);
    return bytes.length === width ? bytes.readUIntBE(0, width) : 0;
  }

  /** Reads a vector: a length of `width` bytes, then the contents. */
  vector(width: 1 | 2): Buffer {
    return this.take(this.number(width));
  }
}
