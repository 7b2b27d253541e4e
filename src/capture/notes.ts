/** The notes that `decode` prints, like Wireshark's expert info. The codes are stable. */

export type Severity = 'error' | 'warning' | 'note';

export interface NoteKind {
  readonly severity: Severity;
  /** Section of MS-TSGU, an RFC with its section, or a draft; empty for a limit of `decode` itself. */
  readonly section: string;
  /** A lower-case sentence without a full stop. */
  readonly text: string;
}

export const NOTES = {
  PDU_MALFORMED: { severity: 'error', section: '2.2.10', text: 'the packet does not follow its layout' },
  PDU_FRAMING: {
    severity: 'error',
    section: '2.2.10.9',
    text: 'the length in a packet header is impossible, the stream is lost',
  },
  PDU_CUT: { severity: 'warning', section: '2.2.10.9', text: 'the packet is cut short by a gap or the end' },
  PDU_UNKNOWN_TYPE: { severity: 'warning', section: '2.2.5.3.3', text: 'the specification knows no such packet type' },
  PDU_TRAILING: { severity: 'note', section: '2.2.10', text: 'bytes that no field describes follow within the packet' },
  RESERVED_BITS: { severity: 'note', section: '2.2.10', text: 'reserved bytes are not zero' },
  UNKNOWN_FLAGS: { severity: 'note', section: '2.2.5.3', text: 'flags are set that the specification does not name' },
  OUT_OF_STATE: { severity: 'error', section: '3.3.5', text: 'this side may not send this packet now' },
  LATE_DATA: { severity: 'note', section: '3.3.5', text: 'DATA comes after its channel was closed, as from FreeRDP 3' },
  AFTER_REFUSAL: { severity: 'error', section: '2.2.6', text: 'the session goes on although it was refused' },
  LOW_FORM_CODE: {
    severity: 'error',
    section: '2.2.6',
    text: 'the refusal has no top bit: every FreeRDP takes it for success and carries on',
  },
  TOKEN_EXPIRED: { severity: 'error', section: '2.2.10.19', text: 'the access token had expired when it was sent' },
  TOKEN_TARGET: {
    severity: 'error',
    section: '2.2.10.19',
    text: 'the access token is not for the target that the client asks for',
  },
  STATUS: { severity: 'error', section: '2.2.6', text: 'the answer is a refusal' },
  CLOSE_CODE: { severity: 'warning', section: '2.2.6', text: 'the channel is closed with an error code' },
  OPTIONAL_ORDER: {
    severity: 'error',
    section: '2.2.10.5',
    text: 'the optional fields stand in the order of their bits, not in the declared one',
  },
  SOH_REQ: {
    severity: 'warning',
    section: '2.2.10.21',
    text: 'a statement of health is asked for: FreeRDP misreads what follows',
  },
  EMPTY_STRING: {
    severity: 'warning',
    section: '2.2.10.22',
    text: 'a string of no bytes ends the packet: FreeRDP fails on it',
  },
  KEEPALIVE_ECHO: { severity: 'note', section: '3.3.6.4', text: 'a keep-alive is answered at once with another one' },
  KEEPALIVE_STORM: { severity: 'error', section: '3.3.6.4', text: 'both sides echo keep-alives without end' },
  NO_ANSWER: { severity: 'error', section: '3.3.5', text: 'a request was not answered' },
  SLOW_ANSWER: { severity: 'warning', section: '4.2.1', text: 'the answer took so long that clients give up' },
  NO_CHANNEL: { severity: 'warning', section: '3.3.5', text: 'the conversation ended before a channel was open' },
  HTTP_HEAD_TOO_LONG: { severity: 'error', section: 'RFC 9112 2.1', text: 'an HTTP head is too long' },
  HTTP_HEAD_ODD: { severity: 'warning', section: 'RFC 9112 5', text: 'lines of an HTTP head are not fields' },
  HTTP_UNEXPECTED: {
    severity: 'warning',
    section: 'RFC 9112 2.1',
    text: 'bytes that are not HTTP where a head should begin',
  },
  HTTP_LOST: { severity: 'warning', section: 'RFC 9112 2.1', text: 'an HTTP head is lost in a gap' },
  HTTP_FOUND: {
    severity: 'note',
    section: 'RFC 9112 2.1',
    text: 'HTTP or packets are recognised again after lost bytes',
  },
  HTTP_GIVEN_UP: {
    severity: 'warning',
    section: 'RFC 9112 2.1',
    text: 'nothing was recognised any more, this direction is given up',
  },
  HTTP_CHUNK_BAD: { severity: 'error', section: 'RFC 9112 7.1', text: 'the chunks of a body do not fit together' },
  HTTP_OUT_NO_TUNNEL: {
    severity: 'error',
    section: '3.3.5.1',
    text: 'the answer to RDG_OUT_DATA has no body that could carry packets',
  },
  HTTP_SEED_MISSING: {
    severity: 'error',
    section: '3.3.5.1',
    text: 'the OUT channel begins without its seed, and FreeRDP skips ten bytes of the first packet',
  },
  HTTP_SEED_LENGTH: {
    severity: 'error',
    section: '3.3.5.1',
    text: 'the seed of the OUT channel has the wrong length: Windows sends ten bytes and FreeRDP skips ten',
  },
  WS_ACCEPT_WRONG: {
    severity: 'error',
    section: 'RFC 6455 4.2.2',
    text: 'Sec-WebSocket-Accept does not belong to the key: clients go on without WebSocket',
  },
  WS_MASK: {
    severity: 'error',
    section: 'RFC 6455 5.1',
    text: 'clients must mask their frames, gateways must not',
  },
  WS_TEXT: { severity: 'error', section: '2.2.3.3', text: 'a text frame where packets travel in binary ones' },
  WS_FRAGMENTS: { severity: 'note', section: 'RFC 6455 5.4', text: 'a message comes in several frames' },
  WS_CONTROL_LONG: {
    severity: 'error',
    section: 'RFC 6455 5.5',
    text: 'a control frame is longer than 125 bytes, as FreeRDP 3 answers a ping',
  },
  WS_CONTROL_FRAGMENT: { severity: 'error', section: 'RFC 6455 5.5', text: 'a control frame is fragmented' },
  WS_AFTER_CLOSE: { severity: 'warning', section: 'RFC 6455 5.5.1', text: 'a frame follows the close frame' },
  WS_FRAME_ODD: {
    severity: 'error',
    section: 'RFC 6455 5.2',
    text: 'a frame header is impossible, the framing is lost',
  },
  WS_LOST: { severity: 'warning', section: 'RFC 6455 5.2', text: 'a frame header is lost in a gap' },
  WS_FOUND: { severity: 'note', section: 'RFC 6455 5.2', text: 'frames are found again' },
  WS_GIVEN_UP: {
    severity: 'warning',
    section: 'RFC 6455 5.2',
    text: 'no frame was found any more, this direction is given up',
  },
  WS_CUT: { severity: 'warning', section: 'RFC 6455 5.2', text: 'the stream ends within a frame' },
  AUTH_TOKEN_BAD: { severity: 'error', section: 'RFC 9110 11.4', text: 'an authentication token cannot be read' },
  TUNNEL_ASSUMED: { severity: 'note', section: '3.3.5.1', text: 'the beginning is not in the capture' },
  RPC_TRANSPORT: {
    severity: 'warning',
    section: '2.1.1',
    text: 'RPC over HTTP, the transport of older clients: its packets are not read',
  },
  CONNECTION_ID_REUSED: { severity: 'warning', section: '2.2.3.2.1', text: 'a live RDG-Connection-Id is used again' },
  CHANNEL_SECOND: {
    severity: 'warning',
    section: '3.3.5.1',
    text: 'a second IN channel joins a conversation that has one',
  },
  CONVERSATIONS_MANY: {
    severity: 'warning',
    section: '',
    text: 'too many conversations at a time, the oldest is ended',
  },
  CAPTURE_PROBLEM: {
    severity: 'warning',
    section: 'draft-ietf-opsawg-pcap',
    text: 'the capture file ends early or is damaged',
  },
  PACKETS_SKIPPED: {
    severity: 'warning',
    section: '',
    text: 'nothing was understood, and packets are not read',
  },
  TLS_NO_KEYS: {
    severity: 'warning',
    section: 'RFC 9850',
    text:
      'TLS without keys: record again with rdgw serve --keylog FILE, or SSLKEYLOGFILE=FILE at the client, and pass ' +
      '--keylog FILE here',
  },
  TLS_KEYS_OTHER: {
    severity: 'warning',
    section: 'RFC 9850',
    text: 'the key log has no secrets of this TLS connection: it is of another recording, or was begun too late',
  },
  TLS_UNSUPPORTED: {
    severity: 'warning',
    section: 'RFC 8446 B.4',
    text: 'this version or cipher suite of TLS is not read',
  },
  TLS_NO_HANDSHAKE: {
    severity: 'warning',
    section: 'RFC 8446 4',
    text: 'the TLS handshake is not in the capture, so nothing can be opened',
  },
  TLS_HANDSHAKE_UNFINISHED: { severity: 'note', section: 'RFC 8446 4', text: 'the TLS handshake was not finished' },
  TLS_NOT_TLS: { severity: 'warning', section: 'RFC 8446 5.1', text: 'one side speaks TLS, the other does not' },
  TLS_MALFORMED: { severity: 'error', section: 'RFC 8446 5.1', text: 'bytes that are no TLS record' },
  TLS_RECORD_NOT_AUTHENTIC: {
    severity: 'error',
    section: 'RFC 8446 5.2',
    text: 'a TLS record does not open with its key',
  },
  TLS_GIVEN_UP: {
    severity: 'error',
    section: 'RFC 8446 5.2',
    text: 'too many TLS records do not open, this direction is given up',
  },
  TLS_ALERT: { severity: 'warning', section: 'RFC 8446 6', text: 'a TLS alert' },
  TLS_RENEGOTIATED: { severity: 'note', section: 'RFC 5246 7.4.1', text: 'the TLS connection is negotiated again' },
  TLS_EARLY_DATA: { severity: 'note', section: 'RFC 8446 2.3', text: 'data came before the TLS handshake was done' },
} as const satisfies Readonly<Record<string, NoteKind>>;

export type NoteCode = keyof typeof NOTES;

/** A row of NOTES as it applies to one place in the capture. */
export interface Note {
  readonly code: string;
  readonly severity: Severity;
  readonly section: string;
  readonly text: string;
}

/** The note for a code. `detail` is appended to its text, after a colon. */
export function note(code: NoteCode, detail?: string): Note {
  const { severity, section, text } = NOTES[code];
  return { code, severity, section, text: detail === undefined ? text : `${text}: ${detail}` };
}

/**
 * Like `note`, for codes of `NoteEvent`. A code that is not in NOTES yields a note whose text is made from the code.
 */
export function noteOf(code: string, detail: string | undefined): Note {
  if (Object.hasOwn(NOTES, code)) return note(code as NoteCode, detail);
  const text = code.toLowerCase().replaceAll('_', ' ');
  return { code, severity: 'note', section: '', text: detail === undefined ? text : `${text}: ${detail}` };
}
