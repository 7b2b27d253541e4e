/** Removes payloads and secrets from the tree of a PDU, unless the options include them. Offsets and lengths remain. */
import { withoutSignature } from '../capture/auth/access-token.js';
import { decodePaaCookie, encodePaaCookie, PKT_TYPE, type Span } from '../protocol/index.js';

export interface RedactOptions {
  /** Includes DATA's payload. */
  readonly payload?: boolean;
  /** Includes NTLM challenges and responses, which can be cracked, and the signatures of access tokens. */
  readonly secrets?: boolean;
}

/** The first bytes of a CHALLENGE and an AUTHENTICATE message. */
const NTLM_SECRETS = [2, 3].map((type) => Buffer.from(`NTLMSSP\0${String.fromCharCode(type)}\0\0\0`, 'latin1'));

/** The same tree, where redacted spans have no value and a text that names the flag to show it. */
export function redacted(packetType: number, tree: Span, options: RedactOptions): Span {
  const rule = RULES[packetType];
  if (rule === undefined || tree.children === undefined) return tree;
  return { ...tree, children: tree.children.map((span) => rule(span, options)) };
}

type Rule = (span: Span, options: RedactOptions) => Span;

/** By packet type. Trailing bytes are redacted like the field that they may belong to. */
const RULES: Readonly<Partial<Record<number, Rule>>> = {
  [PKT_TYPE.DATA]: (span, { payload }) =>
    payload || !(span.name === 'data' || isRest(span)) ? span : hidden(span, '--payload'),
  [PKT_TYPE.EXTENDED_AUTH_MSG]: (span, { secrets }) =>
    secrets || !(isRest(span) || holdsSecret(span)) ? span : hidden(span, '--secrets'),
  [PKT_TYPE.TUNNEL_CREATE]: (span, { secrets }) => {
    if (secrets || !(span.name === 'paaCookie' || isRest(span))) return span;
    const children = span.children?.map((child) => (child.name === 'blob' ? withoutTokenSignature(child) : child));
    return { ...withoutTokenSignature(span), ...(children && { children }) };
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

/** The claims of a signed token may be shown: without its signature it is not valid. */
function withoutTokenSignature(span: Span): Span {
  const { value } = span;
  if (!Buffer.isBuffer(value)) return span;
  const cut = withoutSignature(decodePaaCookie(value) ?? '');
  return cut === undefined ? span : { ...span, value: encodePaaCookie(cut) };
}
