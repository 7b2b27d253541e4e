import { domainToASCII, domainToUnicode } from 'node:url';
import { Fault } from '../fault.js';
import { type Address, canonicalAddress, readAddress } from './address.js';
import { quote, shortenHost } from './printable.js';

/** The RDP server that a client requests a channel to. */
export interface Target {
  /** In canonical form, see `normalizeHost`. An IPv6 address has no brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** The default port of RDP. */
export const RDP_PORT = 3389;

/** RFC 1035 section 2.3.4. The length does not include the trailing dot. */
const NAME_MAX = 253;
const LABEL_MAX = 63;

/**
 * Parses `HOST` or `HOST:PORT`. An IPv6 address needs brackets: `[fd00::1]:3389`.
 *
 * @throws {Fault} of kind `input` (`TARGET_INVALID`) for anything else.
 */
export function parseTarget(text: string, defaultPort: number = RDP_PORT): Target {
  const [, bracketed, plain, port] = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::([^:]*))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) {
    rejectZone(text);
    throw invalid(
      `${quote(text)} is not a target`,
      canonicalAddress(text) === undefined
        ? 'write HOST or HOST:PORT'
        : `write an IPv6 address in brackets: [${text}]:3389`,
    );
  }
  const normalized = normalizeHost(host);
  if (bracketed !== undefined && !bracketed.includes(':'))
    throw invalid(`${quote(text)} has brackets around something that is not an IPv6 address`);
  return { host: normalized, port: port === undefined ? defaultPort : parsePort(port) };
}

/** Returns the canonical form of a target, always with its port: `desk.example:3389`, `[fd00::1]:3389`. */
export function formatTarget({ host, port }: Target): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Returns the canonical form of a host: an address as `canonicalAddress` writes it, or a name in lower case, as ASCII
 * (punycode), without the trailing dot.
 *
 * @throws {Fault} of kind `input` (`TARGET_INVALID`) for anything else: an empty name, more than 253 characters, spaces,
 * control characters, and a name that a resolver could take for an address in another notation.
 */
export function normalizeHost(text: string): string {
  return canonicalAddress(text) ?? normalizeName(text);
}

/**
 * Parses the host of a channel request like `normalizeHost`, and accepts an IPv6 address in brackets too, as FreeRDP sends that of
 * an .rdp file.
 * `address` is undefined for a name.
 */
export function readHost(text: string): { readonly host: string; readonly address: Address | undefined } {
  const [, bracketed] = /^\[([^[\]]*:[^[\]]*)\]$/.exec(text) ?? [];
  const address = readAddress(bracketed ?? text);
  return { host: address?.text ?? normalizeName(bracketed ?? text), address };
}

/** Formats a target that a client requested for the log: in canonical form if there is one, else as it is but not longer than 255 characters. */
export function showTarget({ host, port }: Target): string {
  try {
    return formatTarget({ host: readHost(host).host, port });
  } catch {
    return formatTarget({ host: shortenHost(host), port });
  }
}

/** RFC 4007 section 11: the zone of a link-local address has a meaning on the machine only that wrote it. */
function rejectZone(text: string): void {
  const at = text.indexOf('%');
  if (at < 0 || !canonicalAddress(text.slice(0, at).replace(/^\[/, ''))?.includes(':')) return;
  throw invalid(
    `${quote(text)} has a zone (%), which is a network interface of one machine`,
    'use an address that is valid on every machine',
  );
}

function normalizeName(text: string): string {
  rejectZone(text);
  const name = toAscii(text).replace(/\.$/, '').toLowerCase();
  const labels = name.split('.');
  if (name.length > NAME_MAX || !labels.every(isLabel))
    throw invalid(`${quote(text)} is not a host name or an IP address`);
  // RFC 1123 section 2.1: the last label of a name is never a number. getaddrinfo would parse such a name as an IPv4 address.
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) {
    throw invalid(`${quote(text)} is an IPv4 address in an unusual notation`, 'write it as four decimal numbers');
  }
  return name;
}

/** Parses a port, 1 to 65535 in decimal digits. Throws a `Fault` of kind `input` (`TARGET_INVALID`). */
export function parsePort(text: string): number {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw invalid(`${quote(text)} is not a port`, 'a port is a number from 1 to 65535');
  return port;
}

function toAscii(text: string): string {
  if (/[\p{C}\s]/u.test(text)) throw invalid(`${quote(text)} contains a space or a control character`);
  if (text.length > 4 * NAME_MAX) throw invalid(`${quote(text)} is too long for a host name`);
  const isNonAscii = /[^ -~]/.test(text);
  // Plain names skip the conversion, because it also decodes %41 and converts 0x7f.1 to an address.
  if (!isNonAscii && !/(?:^|\.)xn--/i.test(text)) return text;
  const ascii = text.includes('%') ? '' : domainToASCII(text);
  if (ascii === '' || canonicalAddress(ascii) !== undefined || !ascii.toLowerCase().split('.').every(isDecodable)) {
    throw invalid(`${quote(text)} is not a valid internationalized host name`);
  }
  return ascii;
}

/** Newer versions of Node.js return an invalid label as it is, older ones an empty text. */
function isDecodable(label: string): boolean {
  return !label.startsWith('xn--') || !/^(?:xn--|$)/.test(domainToUnicode(label));
}

function isLabel(label: string): boolean {
  // RFC 1123 does not allow the underscore, but Windows machine names may have it.
  return label.length <= LABEL_MAX && /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/.test(label);
}

function invalid(message: string, hint?: string): Fault {
  return new Fault({ kind: 'input', code: 'TARGET_INVALID', message, ...(hint !== undefined && { hint }) });
}
