/** One run of `rdgw decode`: input → stations → whoever shows the events. */

import { type DecodeEvent, type Direction, Dissection } from '../capture/dissection.js';
import { FORMAT_BYTES, formatOf } from '../capture/file/format.js';
import { openCapture } from '../capture/file/open.js';
import { looksLikeText, parseHexText, type TextEncoding, textOf } from '../capture/hextext.js';
import { note } from '../capture/notes.js';
import { KeyLog } from '../capture/tls/keylog.js';
import type { CaptureProblem } from '../capture/types.js';
import type { Filter } from './filter.js';
import { barePduLine, readBarePdus, shownRest } from './hex.js';
import { openInput, paced, peek, readKeylog } from './input.js';
import { type JsonLine, jsonLine, noteLine } from './json.js';
import type { Output } from './output.js';
import { statsLines } from './stats.js';
import { type Summary, Tallies } from './summary.js';
import { TextWriter } from './text.js';

export interface DecodeRequest {
  /** A file, or `-`; undefined with `hex`. */
  readonly file: string | undefined;
  readonly hex: string | undefined;
  readonly encoding: TextEncoding;
  /** TLS key logs. */
  readonly keylogs: readonly string[];
  /** Of bare PDUs whose type does not tell. */
  readonly direction: Direction | undefined;
  readonly show: 'tree' | 'ndjson' | 'stats' | 'nothing';
  readonly filter: Filter | undefined;
  /** PDUs after which reading ends. */
  readonly limit: number | undefined;
  /** Looks into DATA. */
  readonly inner: boolean;
  readonly bytes: boolean;
  readonly verbose: boolean;
  readonly payload: boolean;
  readonly secrets: boolean;
  /** Also told of every event, whatever the filter says. */
  readonly also?: ((event: DecodeEvent) => void) | undefined;
}

export interface DecodeResult {
  /** Whether anything of the protocol was understood. */
  readonly understood: boolean;
  /** What `--json` prints. */
  readonly summary: Summary | { readonly pdus: readonly JsonLine[] };
  /** What is wrong with the input. */
  readonly problem: CaptureProblem | null;
}

/** Bytes that tell a capture from text. */
const PEEK_BYTES = 512;
/** Longer than any text that the parser takes. */
const MAX_TEXT_FILE = 16 * 1024 * 1024;

export async function runDecode(request: DecodeRequest, output: Output): Promise<DecodeResult> {
  if (request.file === undefined) return decodeBare(parseHexText(request.hex ?? '', request.encoding), request, output);
  const { stream, size } = await openInput(request.file);
  const { first, whole } = await peek(stream, PEEK_BYTES);
  const isCapture = first.length >= FORMAT_BYTES && formatOf(first) !== undefined;
  if (!isCapture && first.length > 0 && (request.encoding === 'base64' || looksLikeText(first))) {
    return decodeBare(parseHexText(textOf(await gather(whole)), request.encoding), request, output);
  }
  return decodeCapture(whole, size, request, output);
}

async function decodeCapture(
  whole: AsyncIterable<Buffer>,
  size: number | undefined,
  request: DecodeRequest,
  output: Output,
): Promise<DecodeResult> {
  const keys = new KeyLog();
  for (const path of request.keylogs) keys.add(await readKeylog(path));
  const tallies = new Tallies();
  const stop = new AbortController();
  const show = shower(request, output);
  let left = request.limit ?? Number.POSITIVE_INFINITY;
  const dissection = new Dissection(
    (event) => {
      if (left <= 0) return;
      tallies.add(event);
      request.also?.(event);
      const hidden = request.filter !== undefined && !request.filter(event);
      show(event, hidden);
      if (hidden) return;
      if (event.type === 'pdu' && --left <= 0) stop.abort();
    },
    keys,
    { secrets: request.secrets, inner: request.inner },
  );
  let problem: CaptureProblem | null = null;
  const input = paced(whole, async (bytes) => {
    // Whoever listens besides, such as a file that is written, goes on without a reader.
    if (output.closed && request.also === undefined) stop.abort();
    await output.flush();
    output.progress(bytes, size);
  });
  await openCapture(
    input,
    {
      packet: (packet) => dissection.packet(packet),
      secrets: (text) => void keys.add(text),
      problem: (found) => {
        problem = found;
        tallies.problem(found);
      },
    },
    stop.signal,
  );
  dissection.finish();
  output.progressDone();
  const summary = tallies.summary(dissection.counts);
  if (request.show === 'stats') for (const line of statsLines(summary, output.theme)) output.line(line);
  if (request.show === 'ndjson' && problem) output.line(JSON.stringify(problemLine(problem)));
  await output.flush();
  return { understood: summary.conversations.length > 0, summary, problem };
}

function shower(request: DecodeRequest, output: Output): (event: DecodeEvent, hidden: boolean) => void {
  const { show, bytes, verbose, payload, secrets } = request;
  if (show === 'ndjson') {
    return (event, hidden) => {
      if (!hidden) output.line(JSON.stringify(jsonLine(event, { payload, secrets, verbose })));
    };
  }
  if (show !== 'tree') return () => undefined;
  const writer = new TextWriter({ theme: output.theme, width: output.width, bytes, verbose });
  return (event, hidden) => {
    for (const line of writer.lines(event, hidden)) output.line(line);
  };
}

async function decodeBare(bytes: Buffer, request: DecodeRequest, output: Output): Promise<DecodeResult> {
  const { pdus, rest } = readBarePdus(bytes, request.direction);
  const kept = pdus.slice(0, request.limit);
  const { payload, secrets, verbose } = request;
  const options = { payload, secrets, verbose };
  const lines = kept.map((pdu, index) => barePduLine(pdu, index + 1, options));
  const end = rest && kept.length === pdus.length ? rest : undefined;
  const cut = end && { type: 'note', frame: null, time: null, connection: 1, direction: null, ...noteLine(end.note) };
  if (request.show === 'ndjson') {
    for (const line of lines) output.line(JSON.stringify(line));
    if (cut) output.line(JSON.stringify(cut));
  } else if (request.show !== 'nothing') {
    const writer = new TextWriter({ theme: output.theme, width: output.width, bytes: request.bytes, verbose: true });
    kept.forEach((pdu, index) => {
      for (const line of writer.pdu(pdu, index + 1)) output.line(line);
    });
    if (end) for (const line of writer.pdu(shownRest(end), kept.length + 1)) output.line(line);
  }
  await output.flush();
  const good = kept.some(({ notes }) =>
    notes.every(({ code }) => code !== 'PDU_MALFORMED' && code !== 'PDU_UNKNOWN_TYPE'),
  );
  return {
    understood: good,
    summary: { pdus: cut ? [...lines, cut] : lines },
    problem: null,
  };
}

function problemLine({ code, message, offset }: CaptureProblem): JsonLine {
  const remark = { ...note('CAPTURE_PROBLEM', `${message}, at byte ${offset}`), code };
  return { type: 'note', frame: null, time: null, connection: null, direction: null, ...noteLine(remark) };
}

async function gather(whole: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of whole) {
    parts.push(part);
    length += part.length;
    // Longer than any text that the parser takes: it says so itself.
    if (length > MAX_TEXT_FILE) break;
  }
  return Buffer.concat(parts);
}
