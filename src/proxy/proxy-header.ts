/**
 * The PROXY protocol of HAProxy, versions 1 and 2 (doc/proxy-protocol.txt, section numbers below): a header before the first byte
 * of a connection that names the client behind the proxy.
 */
import { canonicalAddress } from '../policy/address.js';

/** A header is malformed or missing. */
export class ProxyHeaderError extends Error {
  /**
   * Stable: `PROXY_MISSING`, `PROXY_V1`, `PROXY_V2`, `PROXY_TOO_LONG`; of the listener, which waits for the header,
   * `PROXY_TIMEOUT` and `PROXY_CUT`.
   */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'ProxyHeaderError';
    this.code = code;
  }
}

export interface ProxyHeader {
  /**
   * IP address of the client in canonical form. Undefined if the header names none: for connections of the proxy itself, such as
   * its health checks (LOCAL, UNKNOWN, UNSPEC), and for clients without an IP address.
   */
  readonly source: string | undefined;
  /** Length of the header in bytes. */
  readonly length: number;
}

/** Section 2.1: the longest line of version 1, including CRLF. */
const V1_MAX = 107;
/**
 * Longest header of version 2. Addresses need 36 bytes; the rest is for type-length values, such as the client certificate of a
 * proxy that ends TLS.
 */
export const V2_MAX = 4096;

const V1_PREFIX = Buffer.from('PROXY ');
/** Section 2.2. */
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Signature, version and command, family and protocol, length of the rest. */
const V2_HEAD_BYTES = 16;
const CRLF = '\r\n';

/** The high four bits of byte 13, and the lengths of one address. */
const V2_FAMILIES: Readonly<Record<number, { readonly addressBytes: number }>> = {
  1: { addressBytes: 4 },
  2: { addressBytes: 16 },
};
const PORTS_BYTES = 4;
const [LOCAL, PROXY] = [0, 1];
const [UNSPECIFIED, STREAM] = [0, 1];
const UNIX_FAMILY = 3;

/**
 * Parses the header at the start of `bytes`. Returns undefined if more bytes are needed.
 * @throws ProxyHeaderError at the first byte that no header can have
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (startsLike(bytes, V1_PREFIX)) return parseV1(bytes);
  if (startsLike(bytes, V2_SIGNATURE)) return parseV2(bytes);
  throw new ProxyHeaderError('PROXY_MISSING', 'the connection does not begin with a PROXY header');
}

/** Whether the bytes agree with the prefix, as far as both reach. */
function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.compare(prefix, 0, length, 0, length) === 0;
}

function parseV1(bytes: Buffer): ProxyHeader | undefined {
  const text = bytes.toString('latin1', 0, V1_MAX);
  const end = text.indexOf(CRLF);
  if (end < 0) {
    if (bytes.length >= V1_MAX) throw new ProxyHeaderError('PROXY_TOO_LONG', 'the PROXY line is longer than 107 bytes');
    return undefined;
  }
  const length = end + CRLF.length;
  const [, family = '', ...fields] = text.slice(0, end).split(' ');
  // The receiver ignores everything after UNKNOWN.
  if (family === 'UNKNOWN') return { source: undefined, length };
  const [source = '', destination = '', ...ports] = fields;
  const isFamily = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  if (!isFamily(source) || !isFamily(destination) || ports.length !== 2 || !ports.every(isPort)) {
    throw new ProxyHeaderError('PROXY_V1', 'the PROXY line does not have two addresses of its family and two ports');
  }
  return { source: canonicalAddress(source), length };
}

function parseV2(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < V2_HEAD_BYTES) return undefined;
  const [command, version] = nibbles(bytes[12]);
  const [protocol, family] = nibbles(bytes[13]);
  const length = V2_HEAD_BYTES + bytes.readUInt16BE(14);
  if (version !== 2) throw new ProxyHeaderError('PROXY_V2', `the PROXY header has version ${version}`);
  if (command > PROXY) throw new ProxyHeaderError('PROXY_V2', `the PROXY header has the unknown command ${command}`);
  if (length > V2_MAX) throw new ProxyHeaderError('PROXY_TOO_LONG', `the PROXY header is longer than ${V2_MAX} bytes`);
  if (bytes.length < length) return undefined;
  if (command === LOCAL || family === UNSPECIFIED || family === UNIX_FAMILY) return { source: undefined, length };
  const known = V2_FAMILIES[family];
  if (known === undefined || protocol !== STREAM) {
    throw new ProxyHeaderError('PROXY_V2', 'the PROXY header is not for TCP over IPv4 or IPv6');
  }
  const { addressBytes } = known;
  if (length < V2_HEAD_BYTES + 2 * addressBytes + PORTS_BYTES) {
    throw new ProxyHeaderError('PROXY_V2', 'the PROXY header is too short for its addresses');
  }
  return { source: addressFrom(bytes.subarray(V2_HEAD_BYTES, V2_HEAD_BYTES + addressBytes)), length };
}

function nibbles(byte = 0): readonly [low: number, high: number] {
  return [byte & 0x0f, byte >> 4];
}

function addressFrom(bytes: Buffer): string | undefined {
  if (bytes.length === 4) return [...bytes].join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return canonicalAddress(groups.join(':'));
}

function isIPv4(text: string): boolean {
  return !text.includes(':') && canonicalAddress(text) !== undefined;
}

function isIPv6(text: string): boolean {
  return text.includes(':') && canonicalAddress(text) !== undefined;
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}
