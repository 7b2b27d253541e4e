/**
 * Summarises the security tokens of Negotiate and NTLM, and of the SSPI messages in the tunnel: the mechanism and its
 * cleartext fields. SPNEGO (RFC 4178) is unwrapped one level. Of Kerberos (RFC 4120) only the message type and the
 * realm and service of the ticket are read.
 */
import { descend, type Element, oidText, readElement, readElements } from '../../der/element.js';
import { type NtlmOptions, type NtlmSummary, summariseNtlm } from '../../ntlm/summary.js';

export interface TokenSummary {
  /** Length of the whole token in bytes. */
  readonly length: number;
  readonly mechanism: 'NTLM' | 'Kerberos' | 'SPNEGO' | 'unknown';
  /** Set when the token is wrapped in SPNEGO. */
  readonly spnego?: SpnegoSummary;
  readonly ntlm?: NtlmSummary;
  readonly kerberos?: KerberosSummary;
}

export interface SpnegoSummary {
  readonly message: 'NegTokenInit' | 'NegTokenResp';
  /**
   * NegTokenInit: the mechanisms on offer, in order of preference. NegTokenResp: the chosen one. Names, or OIDs if
   * unknown.
   */
  readonly mechanisms: readonly string[];
  /** NegTokenResp: its negState. */
  readonly state?: string;
}

export interface KerberosSummary {
  /** RFC 4120 5.10 and RFC 4121 4.1. */
  readonly message: 'AP-REQ' | 'AP-REP' | 'KRB-ERROR' | 'unknown';
  /** AP-REQ: the realm of the ticket, and its service as in `HTTP/gw.example`. */
  readonly realm?: string;
  readonly service?: string;
  /** KRB-ERROR: the code of RFC 4120 7.5.9. */
  readonly errorCode?: number;
}

/** Characters kept of a realm or service. */
const MAX_NAME = 512;
/** Mechanisms listed of a NegTokenInit. */
const MAX_MECHANISMS = 16;

const SPNEGO = '1.3.6.1.5.5.2';
const MECHANISMS: Readonly<Record<string, string>> = {
  [SPNEGO]: 'SPNEGO',
  '1.2.840.113554.1.2.2': 'Kerberos',
  '1.2.840.48018.1.2.2': 'Kerberos (Microsoft)',
  '1.2.840.113554.1.2.2.3': 'Kerberos user-to-user',
  '1.3.6.1.4.1.311.2.2.10': 'NTLM',
  '1.3.6.1.4.1.311.2.2.30': 'NEGOEX',
  '1.3.6.1.5.2.5': 'IAKERB',
};
const STATES = ['accept-completed', 'accept-incomplete', 'reject', 'request-mic'];

const TAG = {
  OID: 0x06,
  OCTETS: 0x04,
  SEQUENCE: 0x30,
  INITIAL: 0x60,
  AP_REQ: 0x6e,
  AP_REP: 0x6f,
  ERROR: 0x7e,
  TICKET: 0x61,
};
/** A context tag `[n]`. */
const context = (n: number): number => 0xa0 + n;

/** Summarises a token. Of a truncated token it reports what is readable. Never throws. */
export function summariseToken(token: Buffer, options: NtlmOptions = {}): TokenSummary {
  return { length: token.length, ...readToken(token, options, true) };
}

function readToken(token: Buffer, options: NtlmOptions, mayWrap: boolean): Omit<TokenSummary, 'length'> {
  const ntlm = summariseNtlm(token, options);
  if (ntlm) return { mechanism: 'NTLM', ntlm };
  const outer = readElement(token);
  if (outer?.tag === TAG.INITIAL) return readInitialToken(outer, options, mayWrap);
  if (outer?.tag === context(1) && mayWrap) return readNegTokenResp(outer, options);
  // Some clients send the NegTokenInit or the AP-REQ without the GSS-API framing.
  if (outer?.tag === context(0) && mayWrap) return readNegTokenInit(outer, options);
  const kerberos = outer && kerberosMessage(outer);
  return kerberos ? { mechanism: 'Kerberos', kerberos } : { mechanism: 'unknown' };
}

/** Reads the GSS-API framing of RFC 2743 3.1: the OID of the mechanism, then its token. */
function readInitialToken(outer: Element, options: NtlmOptions, mayWrap: boolean): Omit<TokenSummary, 'length'> {
  const name = readElement(outer.value);
  if (name?.tag !== TAG.OID) return { mechanism: 'unknown' };
  const mechanism = mechanismName(name.value);
  if (mechanism.startsWith('Kerberos')) {
    // RFC 4121 4.1: a token id of two bytes precedes the message.
    const message = readElement(name.rest.subarray(2));
    return { mechanism: 'Kerberos', kerberos: (message && kerberosMessage(message)) ?? { message: 'unknown' } };
  }
  const negotiation = readElement(name.rest);
  if (mechanism !== 'SPNEGO' || !mayWrap) return { mechanism: 'unknown' };
  if (negotiation?.tag === context(1)) return readNegTokenResp(negotiation, options);
  return negotiation?.tag === context(0) ? readNegTokenInit(negotiation, options) : { mechanism: 'SPNEGO' };
}

function readNegTokenInit(negotiation: Element, options: NtlmOptions): Omit<TokenSummary, 'length'> {
  const list = descend(negotiation.value, TAG.SEQUENCE, context(0), TAG.SEQUENCE);
  const mechanisms = list
    ? readElements(list)
        .filter(({ tag }) => tag === TAG.OID)
        .slice(0, MAX_MECHANISMS)
        .map(({ value }) => mechanismName(value))
    : [];
  return withInnerToken({ message: 'NegTokenInit', mechanisms }, negotiation, options);
}

function readNegTokenResp(negotiation: Element, options: NtlmOptions): Omit<TokenSummary, 'length'> {
  const state = descend(negotiation.value, TAG.SEQUENCE, context(0), 0x0a)?.[0];
  const chosen = descend(negotiation.value, TAG.SEQUENCE, context(1), TAG.OID);
  const spnego: SpnegoSummary = {
    message: 'NegTokenResp',
    mechanisms: chosen ? [mechanismName(chosen)] : [],
    ...(state !== undefined && { state: STATES[state] ?? String(state) }),
  };
  return withInnerToken(spnego, negotiation, options);
}

function withInnerToken(
  spnego: SpnegoSummary,
  negotiation: Element,
  options: NtlmOptions,
): Omit<TokenSummary, 'length'> {
  const token = descend(negotiation.value, TAG.SEQUENCE, context(2), TAG.OCTETS);
  const found = token && readToken(token, options, false);
  return found && found.mechanism !== 'unknown' ? { ...found, spnego } : { mechanism: 'SPNEGO', spnego };
}

function kerberosMessage({ tag, value }: Element): KerberosSummary | undefined {
  if (tag === TAG.AP_REQ) {
    const ticket = descend(value, TAG.SEQUENCE, context(3), TAG.TICKET, TAG.SEQUENCE);
    const realm = ticket && firstText(descend(ticket, context(1)));
    const names = ticket && descend(ticket, context(2), TAG.SEQUENCE, context(1), TAG.SEQUENCE);
    const service =
      names &&
      readElements(names)
        .map((part) => text(part.value))
        .join('/')
        .slice(0, MAX_NAME);
    return { message: 'AP-REQ', ...(realm && { realm }), ...(service && { service }) };
  }
  if (tag === TAG.AP_REP) return { message: 'AP-REP' };
  if (tag !== TAG.ERROR) return undefined;
  const code = descend(value, TAG.SEQUENCE, context(6), 0x02);
  return {
    message: 'KRB-ERROR',
    ...(code?.length && code.length <= 4 && { errorCode: code.readIntBE(0, code.length) }),
  };
}

function firstText(bytes: Buffer | undefined): string | undefined {
  const element = bytes && readElement(bytes);
  return element && text(element.value);
}

function text(bytes: Buffer): string {
  return bytes.toString('utf8', 0, MAX_NAME);
}

function mechanismName(oid: Buffer): string {
  const name = oidText(oid);
  return MECHANISMS[name] ?? name;
}
