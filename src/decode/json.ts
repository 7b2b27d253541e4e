/** Events as the objects of `--format ndjson`, a stable format that docs/decode-ndjson.schema.json describes. */
import type { Conversation } from '../capture/conversation/conversation.js';
import type { DecodeEvent } from '../capture/dissection.js';
import type { Note } from '../capture/notes.js';
import type { Endpoint, Place } from '../capture/types.js';
import type { Span } from '../protocol/index.js';
import { fieldsOf } from './fields.js';
import { type RedactOptions, redacted } from './redact.js';

export interface JsonOptions extends RedactOptions {
  /** Adds `spans` to PDUs. */
  readonly verbose?: boolean;
}

export type JsonLine = { readonly type: string } & Readonly<Record<string, unknown>>;

export function jsonLine(event: DecodeEvent, options: JsonOptions = {}): JsonLine {
  switch (event.type) {
    case 'connection':
      return connectionLine(event);
    case 'pdu': {
      const { pdu, n, conversation } = event;
      const tree = needsTree(pdu, options) ? pdu.tree() : undefined;
      return {
        type: 'pdu',
        n,
        ...placeLine(pdu),
        connection: conversation.number,
        transport: conversation.transport,
        direction: pdu.direction,
        packetType: pdu.packetType,
        name: pdu.name,
        length: pdu.bytes.length,
        fields: tree === undefined ? { cbDataLen: pdu.data?.length ?? 0 } : fieldsOf(pdu.packetType, tree, options),
        ...(options.verbose ? { spans: spansOf(pdu.packetType, tree ?? pdu.tree(), options) } : {}),
        notes: pdu.notes.map(noteLine),
      };
    }
    case 'request': {
      const { head, rdg, place } = event.event;
      const { method, target, version, headers } = head;
      return {
        type: 'http',
        ...eventFacts(event, place),
        kind: 'request',
        role: rdg.kind,
        method,
        target,
        version,
        headers,
      };
    }
    case 'response': {
      const { head, place } = event.event;
      const { status, reason, version, headers } = head;
      return { type: 'http', ...eventFacts(event, place), kind: 'response', status, reason, version, headers };
    }
    case 'auth': {
      const { from, header, summary, place } = event.event;
      return { type: 'auth', ...eventFacts(event, place), direction: directionOf(from), header, ...summary };
    }
    case 'frame': {
      const { from, name, length, closeCode, place } = event.event;
      const text = `WebSocket ${name} frame${closeCode === undefined ? '' : ` with code ${closeCode}`}, ${length} bytes`;
      const notes = { code: frameCode(event.event), severity: 'note', section: 'RFC 6455 5.5', text };
      return { type: 'note', ...eventFacts(event, place), direction: directionOf(from), ...notes };
    }
    case 'gap':
      return {
        type: 'gap',
        ...placeLine(event.place),
        connection: event.conversation.number,
        direction: event.direction,
        length: event.length ?? null,
        cause: event.cause,
      };
    case 'note': {
      const { conversation, direction, note, place } = event;
      const where = { ...placeLine(place), connection: conversation?.number ?? null, direction: direction ?? null };
      return { type: 'note', ...where, ...noteLine(note) };
    }
    case 'inner': {
      const { type: kind, frame, time, ...facts } = event.inner;
      return { type: 'inner', ...placeLine({ frame, time }), connection: event.conversation.number, kind, ...facts };
    }
    case 'end':
      return { type: 'end', ...placeLine(event.place), connection: event.conversation.number, how: event.how };
  }
}

type PduOf = Extract<DecodeEvent, { type: 'pdu' }>['pdu'];

/** Valid DATA is printed with its length only, so its tree is not built. */
function needsTree(pdu: PduOf, { payload, verbose }: JsonOptions): boolean {
  return payload === true || verbose === true || pdu.data === undefined || pdu.notes.length > 0;
}

function connectionLine({ conversation, opened, place }: Extract<DecodeEvent, { type: 'connection' }>): JsonLine {
  return { type: 'connection', ...placeLine(place), ...conversationFacts(conversation), tls: opened.tls ?? null };
}

/** Facts of a conversation, for a `connection` line and the summary. Packets given as text have no endpoints. */
export interface ConversationFacts {
  readonly connection: number;
  readonly transport: Conversation['transport'] | 'hex';
  readonly connectionId: string | null;
  readonly correlationId: string | null;
  readonly userId: string | null;
  readonly client: string | null;
  readonly gateway: string | null;
  readonly authSchemes: readonly string[];
  readonly assumed: boolean;
  readonly tcpConnections: readonly number[];
}

export function conversationFacts(conversation: Conversation): ConversationFacts {
  const { number, transport, client, gateway, connectionId, correlationId, userId, authSchemes, assumed } =
    conversation;
  return {
    connection: number,
    transport,
    connectionId: connectionId ?? null,
    correlationId: correlationId ?? null,
    userId: userId ?? null,
    client: endpointText(client),
    gateway: endpointText(gateway),
    authSchemes: [...authSchemes],
    assumed,
    tcpConnections: [...conversation.connections],
  };
}

function eventFacts(
  { conversation, tcp }: { conversation: Conversation; tcp: number | undefined },
  place: Place,
): Readonly<Record<string, unknown>> {
  return { ...placeLine(place), connection: conversation.number, tcp: tcp ?? null };
}

export function noteLine({ code, severity, section, text }: Note): Note {
  return { code, severity, section, text };
}

/** The note code of a WebSocket control frame. */
export function frameCode({ name }: { readonly name: string }): string {
  return `WEBSOCKET_${name.toUpperCase()}`;
}

function placeLine({ frame, time }: Place): { readonly frame: number; readonly time: string } {
  return { frame, time: isoTime(time) };
}

export function directionOf(from: 'client' | 'server'): 'client-to-server' | 'server-to-client' {
  return from === 'client' ? 'client-to-server' : 'server-to-client';
}

export function endpointText({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Nanoseconds since 1970 as ISO 8601 in UTC, with nine digits. Times outside the range of a Date are clamped to it. */
export function isoTime(time: bigint): string {
  const nanoseconds = ((time % SECOND) + SECOND) % SECOND;
  const milliseconds = Number((time - nanoseconds) / MILLISECOND);
  const date = new Date(Math.min(LAST_DATE, Math.max(-LAST_DATE, milliseconds)));
  return `${date.toISOString().slice(0, -'.000Z'.length)}.${nanoseconds.toString().padStart(9, '0')}Z`;
}

/** The range of a Date in milliseconds around 1970 (ECMA-262 21.4.1.1). A file may contain any 64-bit time. */
const LAST_DATE = 8.64e15;
const SECOND = 1_000_000_000n;
const MILLISECOND = 1_000_000n;

export interface JsonSpan {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** A number, a 64-bit number as decimal text, or bytes as hexadecimal text; null for a group. */
  readonly value: number | string | null;
  readonly text?: string;
  readonly children?: readonly JsonSpan[];
}

/**
 * All spans of a PDU. A value that `fields` redacts (a secret, or DATA's payload) is null here; its offset and length
 * remain.
 */
export function spansOf(packetType: number, tree: Span, options: RedactOptions): JsonSpan[] {
  return (redacted(packetType, tree, options).children ?? []).map(spanLine);
}

export function spanLine({ name, offset, length, value, text, children }: Span): JsonSpan {
  const plain = Buffer.isBuffer(value)
    ? value.toString('hex')
    : typeof value === 'bigint'
      ? String(value)
      : (value ?? null);
  return {
    name,
    offset,
    length,
    value: plain,
    ...(text === undefined ? {} : { text }),
    ...(children === undefined ? {} : { children: children.map(spanLine) }),
  };
}
