/** What of a PDU may be shown: payloads and secrets leave its tree unless they are asked for, their places stay. */
import { withoutSignature } from '../capture/auth/access-token.js';
import { decodePaaCookie, encodePaaCookie, PKT_TYPE, type Span } from '../protocol/index.js';

export interface RedactOptions {
  /** Includes DATA's payload. */
  readonly payload?: boolean;
  /** Includes NTLM's challenges and responses, which can be cracked, and the signatures of access tokens. */
  readonly secrets?: boolean;
}

/** A challenge and what answers it. */
const NTLM_SECRETS = [2, 3].map((type) => Buffer.from(`NTLMSSP\0${String.fromCharCode(type)}\0\0\0`, 'latin1'));

/** The same tree, in which what is not to be shown has no value, and words about that. */
export function redacted(packetType: number, tree: Span, options: RedactOptions): Span {
  const shown = SHOWN[packetType];
  if (shown === undefined || tree.children === undefined) return tree;
  return { ...tree, children: tree.children.map((span) => shown(span, options)) };
}

type Show = (span: Span, options: RedactOptions) => Span;

/** By packet type; what trails a packet goes the way of the field that it may have been part of. */
const SHOWN: Readonly<Partial<Record<number, Show>>> = {
  [PKT_TYPE.DATA]: (span, { payload }) =>
    payload || !(span.name === 'data' || isRest(span)) ? span : hidden(span, '--payload'),
  [PKT_TYPE.EXTENDED_AUTH_MSG]: (span, { secrets }) =>
    secrets || !(isRest(span) || holdsSecret(span)) ? span : hidden(span, '--secrets'),
  [PKT_TYPE.TUNNEL_CREATE]: (span, { secrets }) => {
    if (secrets || !(span.name === 'paaCookie' || isRest(span))) return span;
    const children = span.children?.map((child) => (child.name === 'blob' ? unsigned(child) : child));
    return { ...unsigned(span), ...(children && { children }) };
  },
};

function isRest({ name }: Span): boolean {
  return name === 'trailing' || name === 'unread';
}

function holdsSecret({ name, value }: Span): boolean {
  return name === 'authBlob' && Buffer.isBuffer(value) && NTLM_SECRETS.some((start) => value.includes(start));
}

function hidden({ value: _, ...span }: Span, flag: string): Span {
  return { ...span, text: `not shown without ${flag}` };
}

/** A signed token says what it is for, and is worth nothing without its signature. */
function unsigned(span: Span): Span {
  const { value } = span;
  if (!Buffer.isBuffer(value)) return span;
  const cut = withoutSignature(decodePaaCookie(value) ?? '');
  return cut === undefined ? span : { ...span, value: encodePaaCookie(cut) };
}
