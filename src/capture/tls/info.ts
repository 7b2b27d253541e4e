/** Output of the TLS station besides the plaintext. */
import type { ByteSink, NoteEvent, Place } from '../types.js';

/** The TLS parameters of a connection, as far as the capture and the keys show them. */
export interface TlsInfo {
  /** `TLS 1.3`; undefined when no ServerHello was seen. */
  readonly version: string | undefined;
  /** IANA's name of the suite, or its number in hexadecimal. */
  readonly cipher: string | undefined;
  /** Server name sent by the client (SNI). */
  readonly sni: string | undefined;
  /** Negotiated ALPN protocol. It is encrypted in TLS 1.3, so keys are needed to see it. */
  readonly alpn: string | undefined;
  /** `unsupported`: the TLS version or cipher suite cannot be decrypted even with keys. */
  readonly keys: 'found' | 'missing' | 'unsupported';
  /** Whether the handshake resumed an earlier session by ticket, session id or pre-shared key. */
  readonly resumed: boolean;
  /** Hexadecimal. Identifies the connection in a key log; not secret. */
  readonly clientRandom: string | undefined;
}

/** Receives the plaintext. `tls` is called once before it, and again when keys become available later. */
export interface TlsSink extends ByteSink {
  tls?(info: TlsInfo, place: Place): void;
  note(note: NoteEvent): void;
}

/** Codes of the expert notes of the TLS station. */
export const TLS_NOTE = {
  /** Records are not decrypted because the key log is empty. Detail: the client random. */
  noKeys: 'TLS_NO_KEYS',
  /**
   * Records are not decrypted because the key log lacks their secrets. Detail: client random, and what the key log has.
   */
  otherKeys: 'TLS_KEYS_OTHER',
  /** The version or cipher suite is not supported. Detail: its name. */
  unsupported: 'TLS_UNSUPPORTED',
  /** The capture started in the middle of the connection, or the hellos are missing. */
  noHandshake: 'TLS_NO_HANDSHAKE',
  /** The connection ended before the handshake was complete. */
  unfinished: 'TLS_HANDSHAKE_UNFINISHED',
  /** Only one side sends TLS. Detail: the side that does not. */
  notTls: 'TLS_NOT_TLS',
  /** Bytes in the middle of the stream are not a record, or no record was found after a gap. */
  malformed: 'TLS_MALFORMED',
  /** A record does not authenticate under its key. */
  notAuthentic: 'TLS_RECORD_NOT_AUTHENTIC',
  /** Too many records did not authenticate; the rest of the direction is dropped. */
  givenUp: 'TLS_GIVEN_UP',
  /** An alert. Detail: level, name and sender. */
  alert: 'TLS_ALERT',
  /** A second handshake on a TLS 1.2 connection. Decryption continues with its keys. */
  renegotiated: 'TLS_RENEGOTIATED',
  /** The client sent early data. Detail: whether it could be decrypted. */
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

/** Describes the two bytes of an alert. Returns undefined for close_notify and user_canceled, which are routine. */
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

/** The name of a protocol version, or its number in hexadecimal. */
export function versionName(number: number): string {
  return VERSIONS[number] ?? `0x${number.toString(16).padStart(4, '0')}`;
}
