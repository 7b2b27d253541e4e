/** Events as text: a header for each conversation, a line for each event, and the fields of control PDUs below it. */
import type { DecodeEvent, Direction } from '../capture/dissection.js';
import type { Note } from '../capture/notes.js';
import type { Place } from '../capture/types.js';
import type { Span } from '../protocol/index.js';
import { HEADER_LENGTH, PKT_TYPE } from '../protocol/index.js';
import { safeText, wrap } from '../render/safe-text.js';
import { plain, type Theme } from '../render/theme.js';
import { treeLines } from '../render/tree.js';
import { endpointText, isoTime } from './json.js';
import { type RedactOptions, redacted } from './redact.js';

export interface TextOptions {
  readonly theme?: Theme;
  readonly width?: number;
  /** Shows the bytes of each field. */
  readonly bytes?: boolean;
  /** Shows the fields of DATA and the common header too. */
  readonly verbose?: boolean;
  readonly disclosure?: RedactOptions;
}

export interface ShownPdu {
  readonly direction: Direction | null;
  readonly packetType: number;
  readonly name: string;
  readonly bytes: Buffer;
  readonly tree: () => Span;
  readonly notes: readonly Note[];
}

/** Maximum characters of a name from the network, which may be as long as an HTTP head. */
const MAX_NAME = 64;

const TREE_INDENT = ' '.repeat(4);
const NOTE_INDENT = ' '.repeat(8);

const ARROWS: Readonly<Record<Direction, string>> = { 'client-to-server': '→', 'server-to-client': '←' };

export class TextWriter {
  readonly #options: Required<TextOptions>;
  /** Start of each conversation: the times of its events are relative to it. */
  readonly #starts = new Map<number, bigint>();
  /** Headers of conversations that have no shown event yet. */
  readonly #headers = new Map<number, readonly string[]>();

  constructor({ theme = plain, width = 80, bytes = false, verbose = false, disclosure = {} }: TextOptions = {}) {
    this.#options = { theme, width, bytes, verbose, disclosure };
  }

  /**
   * The lines of an event. A hidden event has none. The header of a conversation precedes its first shown event,
   * whether the event `connection` itself is hidden or not.
   */
  lines(event: DecodeEvent, hidden = false): string[] {
    const number = event.conversation?.number ?? 0;
    if (event.type === 'connection') {
      this.#starts.set(number, event.opened.syn?.time ?? event.place.time);
      this.#headers.set(number, ['', ...connectionLines(event, this.#options)]);
    }
    const lines = hidden ? [] : [...(this.#headers.get(number) ?? []), ...this.#event(event)];
    if (!hidden || event.type === 'end') this.#headers.delete(number);
    if (event.type === 'end') this.#starts.delete(number);
    return lines;
  }

  #event(event: DecodeEvent): string[] {
    const { theme, width } = this.#options;
    switch (event.type) {
      case 'connection':
        return [];
      case 'pdu':
        return this.#pdu(this.#mark(event, event.pdu), event.pdu);
      case 'request': {
        const { head, place } = event.event;
        const start = `${this.#mark(event, place)} ${theme.client('→')} ${theme.name(safeText(head.method, MAX_NAME))}`;
        return [`${start} ${safeText(head.target, Math.max(MAX_NAME, width - 26 - head.method.length))}`.trimEnd()];
      }
      case 'response': {
        const { head, place } = event.event;
        const paint = head.status >= 400 ? theme.warning : theme.name;
        const start = `${this.#mark(event, place)} ${theme.server('←')} ${paint(`HTTP ${head.status}`)}`;
        return [`${start} ${safeText(head.reason, MAX_NAME)}`.trimEnd()];
      }
      case 'auth': {
        const { from, summary, place } = event.event;
        const arrow = from === 'client' ? theme.client('→') : theme.server('←');
        return this.#hang(this.#at(event, place), `${arrow} ${theme.name('auth')}`, '→ auth'.length, authText(summary));
      }
      case 'frame': {
        const { from, name, closeCode, place } = event.event;
        const arrow = from === 'client' ? theme.client('→') : theme.server('←');
        const code = closeCode === undefined ? '' : ` ${closeCode}`;
        return [`${this.#mark(event, place)} ${arrow} ${theme.name(`WebSocket ${name}`)}${code}`];
      }
      case 'gap': {
        const amount = event.length === undefined ? 'bytes' : `${event.length} bytes`;
        const why = event.cause === 'missing' ? 'are missing in the capture' : 'are left out, they are not understood';
        const text = `${amount} ${why}`;
        return [`${this.#mark(event, event.place)} ${ARROWS[event.direction]} ${theme.warning(text)}`];
      }
      case 'note': {
        if (event.conversation === undefined) return noteLines(event.note, '', 0, this.#options);
        const at = this.#at({ conversation: event.conversation }, event.place);
        return noteLines(event.note, `${theme.place(at)} `, at.length + 1, this.#options);
      }
      case 'inner':
        return this.#hang(this.#at(event, event.inner), theme.name('inner'), 'inner'.length, innerText(event.inner));
      case 'end':
        return [`${this.#mark(event, event.place)} ${theme.title('end')}  ${endText(event.how)}`];
    }
  }

  /** Lines of a PDU without a capture. `n` is its number. */
  pdu(pdu: ShownPdu, n: number): string[] {
    return this.#pdu(this.#options.theme.place(`#${n}`.padStart(5)), pdu);
  }

  #pdu(mark: string, { direction, packetType, name, bytes, tree, notes }: ShownPdu): string[] {
    const { theme, width, verbose, disclosure } = this.#options;
    const paint = direction === 'server-to-client' ? theme.server : theme.client;
    const arrow = direction === null ? ' ' : paint(ARROWS[direction]);
    const title = `${mark} ${arrow} ${paint(name.replace('PKT_TYPE_', ''))}  ${bytes.length} bytes`;
    const noteText = notes.flatMap((note) => noteLines(note, NOTE_INDENT, NOTE_INDENT.length, this.#options));
    if (packetType === PKT_TYPE.DATA && !verbose && notes.length === 0) return [title];
    const shown = redacted(packetType, tree(), disclosure);
    const fields = treeLines(verbose ? shown : bodyOf(shown), {
      theme,
      width: width - TREE_INDENT.length,
      bytes: this.#options.bytes ? bytes : undefined,
    });
    return [title, ...fields.map((line) => `${TREE_INDENT}${line}`), ...noteText];
  }

  /** Text after a head that is `columns` wide. Further lines are indented to the start of the text. */
  #hang(at: string, head: string, columns: number, text: string): string[] {
    const { theme, width } = this.#options;
    const indent = at.length + columns + 2;
    const [first = '', ...rest] = wrap(text, Math.max(30, width - indent));
    return [`${theme.place(at)} ${head} ${first}`, ...rest.map((line) => `${' '.repeat(indent)}${line}`)];
  }

  #mark(event: { conversation: { readonly number: number } }, place: Place): string {
    return this.#options.theme.place(this.#at(event, place));
  }

  #at({ conversation }: { conversation: { readonly number: number } }, { frame, time }: Place): string {
    const start = this.#starts.get(conversation.number) ?? time;
    const seconds = (Number(time - start) / 1e9).toFixed(6).padStart(11);
    return `${String(conversation.number).padStart(3)} ${seconds} ${`#${frame}`.padEnd(6)}`;
  }
}

function bodyOf(tree: Span): Span {
  return { ...tree, children: (tree.children ?? []).filter(({ offset }) => offset >= HEADER_LENGTH) };
}

function connectionLines(
  { conversation, opened }: Extract<DecodeEvent, { type: 'connection' }>,
  { theme, width }: { theme: Theme; width: number },
): string[] {
  const { number, transport, client, gateway, connectionId, userId, authSchemes, assumed, start } = conversation;
  const tls = opened.tls ? [opened.tls.version, opened.tls.cipher].filter(Boolean).join(' ') : 'no TLS';
  const facts = [
    connectionId === undefined ? '' : `id ${safeText(connectionId)}`,
    userId === undefined ? '' : `user ${safeText(userId, MAX_NAME)}`,
    authSchemes.length > 0 ? safeText(authSchemes.join(', ')) : '',
    assumed ? 'beginning not captured' : '',
  ].filter(Boolean);
  const names: Readonly<Record<string, string>> = {
    websocket: 'WebSocket',
    http: 'dual channel',
    rpc: 'RPC over HTTP',
  };
  return [
    theme.title(`connection ${number}  ${names[transport]}  ${endpointText(client)} → ${endpointText(gateway)}`),
    theme.place(`    ${isoTime(opened.syn?.time ?? start.time)}  ${tls}`),
    ...(facts.length > 0 ? wrap(facts.join('  '), width - 4).map((line) => theme.place(`    ${line}`)) : []),
  ];
}

/** `lead` precedes the first line and is `columns` wide; further lines are indented by `columns` + 2. */
function noteLines(
  { code, severity, text }: Note,
  lead: string,
  columns: number,
  { theme, width }: { theme: Theme; width: number },
): string[] {
  const lines = wrap(`${severity}: ${safeText(text)} (${code})`, Math.max(30, width - columns - 2));
  return lines.map((line, index) => `${index === 0 ? lead : ' '.repeat(columns + 2)}${theme[severity](line)}`);
}

function endText(how: Extract<DecodeEvent, { type: 'end' }>['how']): string {
  const names: Readonly<Record<string, string>> = {
    fin: 'closed',
    reset: 'reset',
    'capture ended': 'still open',
    'last chunk': 'completed its body',
  };
  const of = (direction: Direction): string => names[how[direction] ?? 'capture ended'] ?? '';
  const both = `client ${of('client-to-server')}, gateway ${of('server-to-client')}`;
  return both.includes('still open') ? `${both} when the capture ended` : both;
}

/** `x224-request  cookie alice  requestedProtocols PROTOCOL_SSL | PROTOCOL_HYBRID` */
function innerText(inner: Extract<DecodeEvent, { type: 'inner' }>['inner']): string {
  const hidden = ['type', 'frame', 'time', 'direction'];
  const facts = Object.entries(inner).flatMap(([name, value]) => {
    const text = hidden.includes(name) ? undefined : factText(value);
    return text === undefined || text === '' ? [] : [`${name} ${text}`];
  });
  return safeText([inner.type, ...facts].join('  '));
}

function factText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value !== 'object') return String(value);
  const { names, words, name } = value as { names?: readonly string[]; words?: string; name?: string };
  return names ? names.join(' | ') : `${name}: ${words}`;
}

type AuthSummary = Extract<DecodeEvent, { type: 'auth' }>['event']['summary'];

function authText({ scheme, token, claims, user, realm, problem }: AuthSummary): string {
  const ntlm = token?.ntlm;
  const who = ntlm && [ntlm.domain, ntlm.user].filter(Boolean).join('\\');
  const parts = [
    safeText(scheme, MAX_NAME),
    ntlm ? `NTLM ${ntlm.type}` : token ? `${token.mechanism} token` : '',
    who ? safeText(who, MAX_NAME) : '',
    ntlm?.workstation ? `from ${safeText(ntlm.workstation, MAX_NAME)}` : '',
    user === undefined ? '' : `user ${safeText(user, MAX_NAME)}`,
    realm === undefined ? '' : `realm ${safeText(realm, MAX_NAME)}`,
    claims?.issuer === undefined ? '' : `issuer ${safeText(claims.issuer, MAX_NAME)}`,
    claims?.targets === undefined ? '' : `for ${safeText(claims.targets.join(', '), MAX_NAME)}`,
    claims?.audience === undefined ? '' : `at ${safeText(claims.audience.join(', '), MAX_NAME)}`,
    claims?.expires === undefined ? '' : `until ${claims.expires}`,
    claims?.algorithm === undefined ? '' : safeText(claims.algorithm, MAX_NAME),
    problem ?? '',
  ];
  return parts.filter(Boolean).join('  ');
}
