/** What the TLS station tells beside the plaintext. */
import type { ByteSink, NoteEvent, Place } from '../types.js';

/** A connection's TLS, as far as the capture and the keys show it. */
export interface TlsInfo {
  /** `TLS 1.3`; undefined when no ServerHello was seen. */
  readonly version: string | undefined;
  /** IANA's name of the suite, or its number in hexadecimal. */
  readonly cipher: string | undefined;
  /** The name the client asked for. */
  readonly sni: string | undefined;
  /** The protocol both agreed on; in TLS 1.3 it is encrypted. */
  readonly alpn: string | undefined;
  /** `unsupported`: keys would not help, since this version or suite is not read here. */
  readonly keys: 'found' | 'missing' | 'unsupported';
  /** An abbreviated handshake, from an earlier session's ticket, id or key. */
  readonly resumed: boolean;
  /** Hexadecimal: by this the key log names the connection. It is no secret. */
  readonly clientRandom: string | undefined;
}

/** Receives plaintext as a `ByteSink` does. `tls` comes once before it; a second time when keys turn up after all. */
export interface TlsSink extends ByteSink {
  tls?(info: TlsInfo, place: Place): void;
  note(note: NoteEvent): void;
}

/** The codes of this station's notes. */
export const TLS_NOTE = {
  /** Records stay closed: there are no keys at all. Detail: the client random. */
  noKeys: 'TLS_NO_KEYS',
  /** Records stay closed: the key log knows other connections. Detail: the client random, and how many it knows. */
  otherKeys: 'TLS_KEYS_OTHER',
  /** The version or suite is not read here. Detail: its name. */
  unsupported: 'TLS_UNSUPPORTED',
  /** The capture began in the middle of the connection, or lost its hellos. */
  noHandshake: 'TLS_NO_HANDSHAKE',
  /** The connection ended before both sides spoke under keys. */
  unfinished: 'TLS_HANDSHAKE_UNFINISHED',
  /** One side speaks TLS, the other does not. Detail: who does not. */
  notTls: 'TLS_NOT_TLS',
  /** Bytes that are no record in the middle of the stream, or none was found again after a gap. */
  malformed: 'TLS_MALFORMED',
  /** A record does not authenticate under its key. */
  notAuthentic: 'TLS_RECORD_NOT_AUTHENTIC',
  /** Too many did not: one direction is given up. */
  givenUp: 'TLS_GIVEN_UP',
  /** Detail: level, name and sender. */
  alert: 'TLS_ALERT',
  /** A second handshake on the same TLS 1.2 connection; it is followed. */
  renegotiated: 'TLS_RENEGOTIATED',
  /** The client sent data before the server answered. Detail: whether it could be read. */
  earlyData: 'TLS_EARLY_DATA',
} as const;

/** Alerts by number (IANA "TLS Alerts"). */
const ALERTS: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  90: 'user_canceled',
  100: 'no_renegotiation',
  109: 'missing_extension',
  110: 'unsupported_extension',
  112: 'unrecognized_name',
  113: 'bad_certificate_status_response',
  115: 'unknown_psk_identity',
  116: 'certificate_required',
  120: 'no_application_protocol',
};

/** The words for an alert's two bytes, or undefined for the goodbyes that every connection has. */
export function describeAlert(body: Buffer): string | undefined {
  const [level = 0, number = 0] = body;
  if (number === 0 || number === 90) return undefined;
  return `${level === 1 ? 'warning' : 'fatal'} ${ALERTS[number] ?? `alert ${number}`}`;
}

const VERSIONS: Readonly<Record<number, string>> = {
  768: 'SSL 3.0',
  769: 'TLS 1.0',
  770: 'TLS 1.1',
  771: 'TLS 1.2',
  772: 'TLS 1.3',
};

export function versionName(number: number): string {
  return VERSIONS[number] ?? `0x${number.toString(16).padStart(4, '0')}`;
}
