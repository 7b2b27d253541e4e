/**
 * The tokens of Negotiate and NTLM, and of the tunnel's own SSPI messages: which mechanism, and what it says in the clear.
 * SPNEGO (RFC 4178) is unwrapped one level; of Kerberos (RFC 4120) the message is named, with the realm and service of a ticket.
 */
import { descend, type Element, oidText, readElement, readElements } from '../../der/element.js';
import { type NtlmOptions, type NtlmSummary, summariseNtlm } from '../../ntlm/summary.js';

export interface TokenSummary {
  /** Bytes of the whole token. */
  readonly length: number;
  readonly mechanism: 'NTLM' | 'Kerberos' | 'SPNEGO' | 'unknown';
  /** Set when the token came inside SPNEGO. */
  readonly spnego?: SpnegoSummary;
  readonly ntlm?: NtlmSummary;
  readonly kerberos?: KerberosSummary;
}

export interface SpnegoSummary {
  readonly message: 'NegTokenInit' | 'NegTokenResp';
  /** NegTokenInit: what the sender can do, best first; names where known. NegTokenResp: the one chosen. */
  readonly mechanisms: readonly string[];
  /** NegTokenResp. */
  readonly state?: string;
}

export interface KerberosSummary {
  /** RFC 4120 5.10 and RFC 4121 4.1. */
  readonly message: 'AP-REQ' | 'AP-REP' | 'KRB-ERROR' | 'unknown';
  /** AP-REQ: realm and service of the ticket, `HTTP/gw.example`. */
  readonly realm?: string;
  readonly service?: string;
  /** KRB-ERROR: RFC 4120 7.5.9. */
  readonly errorCode?: number;
}

/** Characters of a realm or service that are kept. */
const MAX_NAME = 512;
/** Mechanisms of a NegTokenInit that are listed. */
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

/** What a token is. Never throws; a token that is cut short is named as far as it goes. */
export function summariseToken(token: Buffer, options: NtlmOptions = {}): TokenSummary {
  return { length: token.length, ...inside(token, options, true) };
}

function inside(token: Buffer, options: NtlmOptions, mayWrap: boolean): Omit<TokenSummary, 'length'> {
  const ntlm = summariseNtlm(token, options);
  if (ntlm) return { mechanism: 'NTLM', ntlm };
  const outer = readElement(token);
  if (outer?.tag === TAG.INITIAL) return initial(outer, options, mayWrap);
  if (outer?.tag === context(1) && mayWrap) return response(outer, options);
  // Some send the NegTokenInit or the AP-REQ without the GSS-API frame around it.
  if (outer?.tag === context(0) && mayWrap) return init(outer, options);
  const kerberos = outer && kerberosMessage(outer);
  return kerberos ? { mechanism: 'Kerberos', kerberos } : { mechanism: 'unknown' };
}

/** The frame of RFC 2743 3.1: the mechanism's name, then its token. */
function initial(outer: Element, options: NtlmOptions, mayWrap: boolean): Omit<TokenSummary, 'length'> {
  const name = readElement(outer.value);
  if (name?.tag !== TAG.OID) return { mechanism: 'unknown' };
  const mechanism = mechanismName(name.value);
  if (mechanism.startsWith('Kerberos')) {
    // RFC 4121 4.1: two bytes of token id stand in front of the message.
    const message = readElement(name.rest.subarray(2));
    return { mechanism: 'Kerberos', kerberos: (message && kerberosMessage(message)) ?? { message: 'unknown' } };
  }
  const negotiation = readElement(name.rest);
  if (mechanism !== 'SPNEGO' || !mayWrap) return { mechanism: 'unknown' };
  if (negotiation?.tag === context(1)) return response(negotiation, options);
  return negotiation?.tag === context(0) ? init(negotiation, options) : { mechanism: 'SPNEGO' };
}

function init(negotiation: Element, options: NtlmOptions): Omit<TokenSummary, 'length'> {
  const list = descend(negotiation.value, TAG.SEQUENCE, context(0), TAG.SEQUENCE);
  const mechanisms = list
    ? readElements(list)
        .filter(({ tag }) => tag === TAG.OID)
        .slice(0, MAX_MECHANISMS)
        .map(({ value }) => mechanismName(value))
    : [];
  return wrapped({ message: 'NegTokenInit', mechanisms }, negotiation, options);
}

function response(negotiation: Element, options: NtlmOptions): Omit<TokenSummary, 'length'> {
  const state = descend(negotiation.value, TAG.SEQUENCE, context(0), 0x0a)?.[0];
  const chosen = descend(negotiation.value, TAG.SEQUENCE, context(1), TAG.OID);
  const spnego: SpnegoSummary = {
    message: 'NegTokenResp',
    mechanisms: chosen ? [mechanismName(chosen)] : [],
    ...(state !== undefined && { state: STATES[state] ?? String(state) }),
  };
  return wrapped(spnego, negotiation, options);
}

function wrapped(spnego: SpnegoSummary, negotiation: Element, options: NtlmOptions): Omit<TokenSummary, 'length'> {
  const token = descend(negotiation.value, TAG.SEQUENCE, context(2), TAG.OCTETS);
  const found = token && inside(token, options, false);
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
