/** Events for people: a header for each conversation, a line for each event, the fields of control PDUs beneath. */
import type { DecodeEvent, Direction } from '../capture/dissection.js';
import type { Note } from '../capture/notes.js';
import type { Span } from '../protocol/index.js';
import { HEADER_LENGTH, PKT_TYPE } from '../protocol/index.js';
import { plain, type Theme } from '../render/theme.js';
import { asciiJson, treeLines } from '../render/tree.js';
import { endpointText, isoTime } from './json.js';

export interface TextOptions {
  readonly theme?: Theme;
  readonly width?: number;
  /** Adds the bytes of each field. */
  readonly bytes?: boolean;
  /** Shows the fields of DATA and the common header too. */
  readonly verbose?: boolean;
}

export interface ShownPdu {
  readonly direction: Direction | null;
  readonly packetType: number;
  readonly name: string;
  readonly bytes: Buffer;
  readonly tree: () => Span;
  readonly notes: readonly Note[];
}

const ARROWS: Readonly<Record<Direction, string>> = { 'client-to-server': '→', 'server-to-client': '←' };

export class TextWriter {
  readonly #options: Required<TextOptions>;
  /** When each conversation began, for times that a person can compare. */
  readonly #starts = new Map<number, bigint>();

  constructor({ theme = plain, width = 80, bytes = false, verbose = false }: TextOptions = {}) {
    this.#options = { theme, width, bytes, verbose };
  }

  lines(event: DecodeEvent): string[] {
    const { theme } = this.#options;
    switch (event.type) {
      case 'connection':
        this.#starts.set(event.conversation.number, event.opened.syn?.time ?? event.place.time);
        return ['', ...connectionLines(event, theme)];
      case 'pdu':
        return this.#pdu(this.#mark(event, event.pdu), event.pdu);
      case 'request': {
        const { head, place } = event.event;
        return [
          `${this.#mark(event, place)} ${theme.client('→')} ${theme.name(head.method)} ${safe(shortTarget(head.target))}`,
        ];
      }
      case 'response': {
        const { head, place } = event.event;
        return [
          `${this.#mark(event, place)} ${theme.server('←')} ${theme.name(`HTTP ${head.status}`)} ${safe(head.reason)}`.trimEnd(),
        ];
      }
      case 'auth': {
        const { from, summary, place } = event.event;
        const arrow = from === 'client' ? theme.client('→') : theme.server('←');
        return [`${this.#mark(event, place)} ${arrow} ${theme.name('auth')} ${authText(summary)}`];
      }
      case 'frame': {
        const { from, name, closeCode, place } = event.event;
        const arrow = from === 'client' ? theme.client('→') : theme.server('←');
        const code = closeCode === undefined ? '' : ` ${closeCode}`;
        return [`${this.#mark(event, place)} ${arrow} ${theme.name(`WebSocket ${name}`)}${code}`];
      }
      case 'gap': {
        const amount = event.length === undefined ? 'bytes' : `${event.length} bytes`;
        const text = `${amount} are missing in the capture`;
        return [`${this.#mark(event, event.place)} ${ARROWS[event.direction]} ${theme.warning(text)}`];
      }
      case 'note': {
        if (event.conversation === undefined) return noteLines(event.note, '', this.#options);
        const mark = this.#mark({ conversation: event.conversation }, event.place);
        return noteLines(event.note, `${mark} `, this.#options);
      }
      case 'end':
        return [`${this.#mark(event, event.place)} ${theme.title('end')}  ${endText(event.how)}`];
    }
  }

  /** A PDU that comes from no capture. */
  pdu(pdu: ShownPdu, n: number): string[] {
    return this.#pdu(this.#options.theme.place(`#${n}`.padStart(5)), pdu);
  }

  #pdu(mark: string, { direction, packetType, name, bytes, tree, notes }: ShownPdu): string[] {
    const { theme, width, verbose } = this.#options;
    const paint = direction === 'server-to-client' ? theme.server : theme.client;
    const arrow = direction === null ? ' ' : paint(ARROWS[direction]);
    const title = `${mark} ${arrow} ${paint(name.replace('PKT_TYPE_', ''))}  ${bytes.length} bytes`;
    const remarks = notes.flatMap((note) => noteLines(note, '        ', this.#options));
    if (packetType === PKT_TYPE.DATA && !verbose && notes.length === 0) return [title];
    const fields = treeLines(verbose ? tree() : bodyOf(tree()), {
      theme,
      width,
      bytes: this.#options.bytes ? bytes : undefined,
    });
    return [title, ...fields.map((line) => `    ${line}`), ...remarks];
  }

  #mark(
    { conversation }: { conversation: { readonly number: number } },
    { frame, time }: { frame: number; time: bigint },
  ): string {
    const start = this.#starts.get(conversation.number) ?? time;
    const seconds = (Number(time - start) / 1e9).toFixed(6).padStart(11);
    return this.#options.theme.place(`${String(conversation.number).padStart(3)} ${seconds} ${`#${frame}`.padEnd(6)}`);
  }
}

function bodyOf(tree: Span): Span {
  return { ...tree, children: (tree.children ?? []).filter(({ offset }) => offset >= HEADER_LENGTH) };
}

function connectionLines(
  { conversation, opened }: Extract<DecodeEvent, { type: 'connection' }>,
  theme: Theme,
): string[] {
  const { number, transport, client, gateway, connectionId, userId, authSchemes, assumed, start } = conversation;
  const tls = opened.tls ? [opened.tls.version, opened.tls.cipher].filter(Boolean).join(' ') : 'no TLS';
  const facts = [
    connectionId === undefined ? '' : `id ${safe(connectionId)}`,
    userId === undefined ? '' : `user ${safe(userId)}`,
    authSchemes.length > 0 ? safe(authSchemes.join(', ')) : '',
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
    ...(facts.length > 0 ? [theme.place(`    ${facts.join('  ')}`)] : []),
  ];
}

function noteLines(
  { code, severity, text }: Note,
  indent: string,
  { theme, width }: { theme: Theme; width: number },
): string[] {
  const plainIndent = indent.length > 24 ? '        ' : indent;
  const [first = '', ...rest] = wrap(`${severity}: ${safe(text)} (${code})`, Math.max(30, width - 10));
  return [`${indent}${theme[severity](first)}`, ...rest.map((line) => `${plainIndent}  ${theme[severity](line)}`)];
}

function endText(how: Extract<DecodeEvent, { type: 'end' }>['how']): string {
  const words: Readonly<Record<string, string>> = {
    fin: 'closed',
    reset: 'reset',
    'capture ended': 'still open when the capture ended',
    'last chunk': 'completed its body',
  };
  const of = (direction: Direction): string => words[how[direction] ?? 'capture ended'] ?? '';
  return `client ${of('client-to-server')}, gateway ${of('server-to-client')}`;
}

type AuthSummary = Extract<DecodeEvent, { type: 'auth' }>['event']['summary'];

function authText({ scheme, token, user, realm, problem }: AuthSummary): string {
  const ntlm = token?.ntlm;
  const who = ntlm && [ntlm.domain, ntlm.user].filter(Boolean).join('\\');
  const words = [
    safe(scheme),
    ntlm ? `NTLM ${ntlm.type}` : token ? `${token.mechanism} token` : '',
    who ? safe(who) : '',
    ntlm?.workstation ? `from ${safe(ntlm.workstation)}` : '',
    user === undefined ? '' : `user ${safe(user)}`,
    realm === undefined ? '' : `realm ${safe(realm)}`,
    problem ?? '',
  ];
  return words.filter(Boolean).join('  ');
}

/** Text from the wire: nothing that a terminal could act upon. */
function safe(text: string): string {
  return asciiJson(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}

function shortTarget(target: string): string {
  return target.length > 100 ? `${target.slice(0, 100)}…` : target;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1] ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
