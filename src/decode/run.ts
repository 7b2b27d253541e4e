/** One run of `rdgw decode`: input → capture pipeline → output of the events. */
import { type DecodeEvent, Dissection } from '../capture/dissection.js';
import { FORMAT_BYTES, formatOf } from '../capture/file/format.js';
import { openCapture } from '../capture/file/open.js';
import { looksLikeText, parseHexText, textOf } from '../capture/hextext/index.js';
import { note } from '../capture/notes.js';
import { KeyLog } from '../capture/tls/keylog.js';
import type { CaptureProblem } from '../capture/types.js';
import { openInput, paced, peek } from './input.js';
import { type JsonLine, jsonLine, noteLine } from './json.js';
import { readKeylogs } from './keylogs.js';
import type { Output } from './output.js';
import type { DecodeRequest, DecodeResult } from './request.js';
import { reasons, skippedNote } from './skipped-packets.js';
import { showStats } from './stats.js';
import { AllConversationCounts } from './summary.js';
import { TextWriter } from './text.js';
import { decodeTextPackets } from './text-packets.js';

const WITHOUT_KEYS: readonly string[] = ['TLS_NO_KEYS', 'TLS_KEYS_OTHER'];
const LATE_KEYS =
  'some TLS keys are stored after their packets and were not used; save the file with Wireshark to move them to the start';
/** Bytes that are enough to distinguish a capture from text. */
const PEEK_BYTES = 512;
/** More than the text parser accepts: it reports a longer text itself. */
const MAX_TEXT_FILE = 16 * 1024 * 1024;

export async function runDecode(request: DecodeRequest, output: Output): Promise<DecodeResult> {
  if (request.file === undefined)
    return decodeTextPackets(parseHexText(request.hex ?? '', request.encoding), request, output);
  const { stream, size } = await openInput(request.file);
  const { first, whole } = await peek(stream, PEEK_BYTES);
  const isCapture = first.length >= FORMAT_BYTES && formatOf(first) !== undefined;
  if (!isCapture && first.length > 0 && (request.encoding === 'base64' || looksLikeText(first))) {
    return decodeTextPackets(parseHexText(textOf(await readText(whole)), request.encoding), request, output);
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
  const warnings = await readKeylogs(keys, request);
  const counts = request.show === 'stats' || request.show === 'nothing' ? new AllConversationCounts() : undefined;
  const stop = new AbortController();
  const show = eventPrinter(request, output);
  /** A TLS connection could not be decrypted without keys, and keys came afterwards. */
  let [keysMissing, keysLate] = [false, false];
  let left = request.limit ?? Number.POSITIVE_INFINITY;
  const handle = (event: DecodeEvent): void => {
    if (left <= 0) return;
    if (event.type === 'note' && WITHOUT_KEYS.includes(event.note.code)) keysMissing = true;
    counts?.add(event);
    request.onEvent?.(event);
    const hidden = request.filter !== undefined && !request.filter(event);
    show(event, hidden);
    if (hidden) return;
    if (event.type === 'pdu' && --left <= 0) stop.abort();
  };
  const dissection = new Dissection(handle, keys, { secrets: request.secrets, inner: request.inner });
  let problem: CaptureProblem | null = null;
  const input = paced(whole, async (bytes) => {
    // Continues without a reader if another consumer of the events exists, such as --write.
    if (output.closed && request.onEvent === undefined) stop.abort();
    await output.flush();
    output.progress(bytes, size);
  });
  await openCapture(
    input,
    {
      packet: (packet) => dissection.packet(packet),
      secrets: (text) => {
        if (keys.add(text) > 0 && keysMissing) keysLate = true;
      },
      problem: (found) => {
        problem = found;
      },
    },
    stop.signal,
  );
  dissection.finish();
  output.progressDone();
  const skipped = skippedNote(dissection);
  if (skipped)
    handle({ type: 'note', conversation: undefined, direction: undefined, note: skipped, place: dissection.place });
  const { packets, pdus, conversations, ordinaryRequests, evicted: evictedConnections } = dissection.counts;
  const unread = { skipped: reasons(dissection.skipped), ordinaryRequests, evictedConnections };
  const totals = { packets, pdus, ...unread, notes: counts?.notes ?? [], problem };
  if (counts && request.show === 'stats') await showStats({ ...totals, conversations: counts.conversations() }, output);
  if (request.show === 'ndjson' && problem) output.line(JSON.stringify(problemLine(problem)));
  await output.flush();
  const summary =
    counts && request.show === 'nothing' ? { ...totals, conversations: [...counts.conversations()] } : null;
  if (keysLate) warnings.push(`${request.file}: ${LATE_KEYS}`);
  return { understood: conversations > 0, summary, problem, warnings };
}

function eventPrinter(request: DecodeRequest, output: Output): (event: DecodeEvent, hidden: boolean) => void {
  const { show, bytes, verbose, payload, secrets } = request;
  if (show === 'ndjson') {
    return (event, hidden) => {
      if (!hidden) output.line(JSON.stringify(jsonLine(event, { payload, secrets, verbose })));
    };
  }
  if (show !== 'tree') return () => undefined;
  const writer = new TextWriter({
    theme: output.theme,
    width: output.width,
    bytes,
    verbose,
    disclosure: { payload, secrets },
  });
  return (event, hidden) => {
    for (const line of writer.lines(event, hidden)) output.line(line);
  };
}

function problemLine({ code, message, offset }: CaptureProblem): JsonLine {
  const facts = { ...note('CAPTURE_PROBLEM', `${message}, at byte ${offset}`), code };
  return { type: 'note', frame: null, time: null, connection: null, direction: null, ...noteLine(facts) };
}

async function readText(whole: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of whole) {
    parts.push(part);
    length += part.length;
    if (length > MAX_TEXT_FILE) break;
  }
  return Buffer.concat(parts);
}
