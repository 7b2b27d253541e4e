/** The X.224 connection request and confirm with RDP's negotiation data (MS-RDPBCGR 2.2.1.1 and 2.2.1.2). */

/** A bit field with the names of its bits. */
export interface NamedFlags {
  readonly value: number;
  /** The specification's names in the order of their bits. Bits without a name appear only in `value`. */
  readonly names: readonly string[];
}

export interface RequestFields {
  /** The IDENTIFIER of `Cookie: mstshash=`: the first characters of the user name, as the client sends it. */
  readonly cookie?: string;
  /** The complete text of a load balancer's routing token. */
  readonly routingToken?: string;
  /** Undefined without RDP_NEG_REQ: the client supports only standard security. */
  readonly requestedProtocols?: NamedFlags;
  readonly flags?: NamedFlags;
  /** Hexadecimal, 32 digits. */
  readonly correlationId?: string;
  /** Violations of the format, as lower-case sentences without a full stop. */
  readonly problems: readonly string[];
}

export interface FailureFields {
  readonly code: number;
  /** `HYBRID_REQUIRED_BY_SERVER`; the number in hexadecimal when it has no name. */
  readonly name: string;
  /** The meaning, as a lower-case sentence without a full stop. */
  readonly words: string;
}

export interface ConfirmFields {
  /** Undefined without RDP_NEG_RSP, which means standard security. */
  readonly selectedProtocol?: NamedFlags;
  readonly flags?: NamedFlags;
  readonly failure?: FailureFields;
  readonly problems: readonly string[];
}

/** Length indicator, code, destination and source reference, class (X.224 13.3 and 13.4). */
const TPDU_HEADER = 7;
const TYPE = { request: 1, response: 2, failure: 3, correlation: 6 } as const;
const NEGOTIATION_BYTES = 8;
const CORRELATION_BYTES = 36;
const COOKIE = 'Cookie: mstshash=';

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'PROTOCOL_SSL',
  2: 'PROTOCOL_HYBRID',
  4: 'PROTOCOL_RDSTLS',
  8: 'PROTOCOL_HYBRID_EX',
  16: 'PROTOCOL_RDSAAD',
};
const STANDARD = 'PROTOCOL_RDP';
const REQUEST_FLAGS: Readonly<Record<number, string>> = {
  1: 'RESTRICTED_ADMIN_MODE_REQUIRED',
  2: 'REDIRECTED_AUTHENTICATION_MODE_REQUIRED',
  8: 'CORRELATION_INFO_PRESENT',
};
const RESPONSE_FLAGS: Readonly<Record<number, string>> = {
  1: 'EXTENDED_CLIENT_DATA_SUPPORTED',
  2: 'DYNVC_GFX_PROTOCOL_SUPPORTED',
  4: 'NEGRSP_FLAG_RESERVED',
  8: 'RESTRICTED_ADMIN_MODE_SUPPORTED',
  16: 'REDIRECTED_AUTHENTICATION_MODE_SUPPORTED',
};
const FAILURES: Readonly<Record<number, readonly [name: string, words: string]>> = {
  1: ['SSL_REQUIRED_BY_SERVER', 'the desktop wants TLS, and the client did not offer it'],
  2: ['SSL_NOT_ALLOWED_BY_SERVER', 'the desktop is set to standard RDP security and takes nothing else'],
  3: ['SSL_CERT_NOT_ON_SERVER', 'the desktop has no usable certificate, so it cannot speak TLS'],
  4: ['INCONSISTENT_FLAGS', 'the protocols asked for contradict the security that is in effect already'],
  5: [
    'HYBRID_REQUIRED_BY_SERVER',
    'the desktop wants network level authentication (CredSSP), and the client did not offer it',
  ],
  6: ['SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER', 'the desktop wants TLS with a certificate of the user'],
};

/** Reads a complete connection request from its length indicator on. Violations are listed in `problems`. */
export function readRequest(tpdu: Buffer): RequestFields {
  const { variable, problems } = variablePart(tpdu);
  // RDP_NEG_REQ is binary and may contain CR LF, so a cookie is searched only when the data does not begin with it.
  const end = variable[0] === TYPE.request ? -1 : variable.indexOf('\r\n');
  const line = end < 0 ? undefined : printable(variable.subarray(0, end));
  let rest = end < 0 ? variable : variable.subarray(end + 2);
  const text = line === undefined ? {} : line.startsWith(COOKIE) ? cookieOf(line) : { routingToken: line };
  if (rest.length === 0) return { ...text, problems };
  if (rest[0] !== TYPE.request || rest.length < NEGOTIATION_BYTES)
    return { ...text, problems: [...problems, 'what follows is no negotiation request'] };
  const flags = named(rest[1] as number, REQUEST_FLAGS);
  const requestedProtocols = protocolsOf(rest.readUInt32LE(4));
  rest = rest.subarray(NEGOTIATION_BYTES);
  const correlated = rest[0] === TYPE.correlation && rest.length >= CORRELATION_BYTES;
  const correlation = correlated ? { correlationId: rest.toString('hex', 4, 20) } : {};
  if (correlated !== ((flags.value & 8) !== 0)) problems.push('CORRELATION_INFO_PRESENT does not say what is there');
  return { ...text, requestedProtocols, flags, ...correlation, problems };
}

/** Reads a complete connection confirm from its length indicator on. Violations are listed in `problems`. */
export function readConfirm(tpdu: Buffer): ConfirmFields {
  const { variable, problems } = variablePart(tpdu);
  if (variable.length === 0) return { problems };
  const type = variable[0];
  if (variable.length < NEGOTIATION_BYTES || (type !== TYPE.response && type !== TYPE.failure))
    return { problems: [...problems, 'what follows is no negotiation response'] };
  const value = variable.readUInt32LE(4);
  if (type === TYPE.failure) return { failure: failureOf(value), problems };
  const flags = named(variable[1] as number, RESPONSE_FLAGS);
  return { selectedProtocol: protocolsOf(value), flags, problems };
}

function variablePart(tpdu: Buffer): { readonly variable: Buffer; readonly problems: string[] } {
  const stated = (tpdu[0] ?? 0) + 1;
  const problems = stated === tpdu.length ? [] : ['the lengths of TPKT and X.224 disagree'];
  return { variable: tpdu.subarray(TPDU_HEADER, Math.max(TPDU_HEADER, stated)), problems };
}

function cookieOf(line: string): { readonly cookie: string } {
  return { cookie: line.slice(COOKIE.length) };
}

function protocolsOf(value: number): NamedFlags {
  return value === 0 ? { value, names: [STANDARD] } : named(value, PROTOCOLS);
}

function failureOf(code: number): FailureFields {
  const [name, words] = FAILURES[code] ?? [hex(code), 'the specification knows no such failure code'];
  return { code, name, words };
}

function named(value: number, table: Readonly<Record<number, string>>): NamedFlags {
  const names = Object.entries(table).flatMap(([bit, name]) => ((value & Number(bit)) !== 0 ? [name] : []));
  return { value, names };
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

/** Replaces everything but printable ASCII: the text is untrusted and must not control a terminal. */
function printable(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^\x20-\x7e]/g, '?');
}
