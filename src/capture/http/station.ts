import { createHash } from 'node:crypto';
import type { Landmark, LandmarkMatch } from '../conversation/resync.js';
import type { ByteSink, Place, Sender } from '../types.js';
import { summariseChallenges, summariseCredentials, targetWithoutSecrets, withoutSecrets } from './auth.js';
import { HttpDirection, type HttpDirectionHost, type Next } from './direction.js';
import type { EndCause, HttpConnection, HttpOptions, HttpSink, RequestEvent } from './events.js';
import {
  type Header,
  hasToken,
  headerValue,
  headerValues,
  parseRequest,
  parseResponse,
  type RequestHead,
  type ResponseHead,
  requestFraming,
  responseFraming,
} from './head.js';
import { rdgRequest } from './rdg.js';

/** Requests remembered until their response. One at a time is usual; beyond the limit the oldest is forgotten. */
export const MAX_PENDING = 64;
/** Authentication headers reported of one head. */
export const MAX_AUTH_HEADERS = 16;

/** RFC 6455 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const HEAD: Next = { mode: 'head' };
const IGNORE: Next = { mode: 'ignore' };
const ANYTHING: readonly Landmark[] = ['head', 'websocket', 'chunk', 'pdu'];

/** Reads one TCP connection above TLS: HTTP/1 heads, bodies, WebSocket frames. It is lenient and never throws. */
export class HttpStation implements ByteSink, HttpDirectionHost {
  readonly #connection: HttpConnection;
  readonly #sink: HttpSink;
  readonly #secrets: boolean;
  readonly #directions: Readonly<Record<Sender, HttpDirection>>;
  #pending: RequestEvent[] = [];
  /** The WebSocket request without an answer so far. Frames may follow it when the 101 was not captured. */
  #upgradeRequest: RequestEvent | undefined;
  #transport: 'websocket' | 'http' | undefined;
  #sawHttp = false;
  #isGateway = false;

  constructor(connection: HttpConnection, sink: HttpSink, { secrets = false }: HttpOptions = {}) {
    this.#connection = connection;
    this.#sink = sink;
    this.#secrets = secrets;
    const { sawStart } = connection;
    this.#directions = {
      client: new HttpDirection('client', sawStart, this, sink),
      server: new HttpDirection('server', sawStart, this, sink),
    };
  }

  bytes(from: Sender, bytes: Buffer, place: Place): void {
    this.#directions[from].push(bytes, place);
  }

  gap(from: Sender, length: number | undefined, place: Place): void {
    this.#directions[from].gap(length, place);
  }

  end(from: Sender, how: EndCause, place: Place): void {
    this.#directions[from].end(how, place);
    this.#sink.end(from, how, place);
  }

  head(from: Sender, head: Buffer, place: Place): Next {
    const next = from === 'client' ? this.#request(head, place) : this.#response(head, place);
    return next ?? this.refused(from, 'not a head', place);
  }

  refused(from: Sender, why: 'not a head' | 'too long', place: Place): Next {
    if (why === 'not a head' && this.#carriesFrames()) {
      return this.#directions[from].whole ? { mode: 'websocket' } : { mode: 'seek', wanted: ['websocket'] };
    }
    // Another protocol, such as SSH or SMTP.
    if (!this.#sawHttp && this.#connection.sawStart) return IGNORE;
    if (this.#isGateway) {
      const code = why === 'too long' ? 'HTTP_HEAD_TOO_LONG' : 'HTTP_UNEXPECTED';
      this.#note(code, `${from}: bytes that are no HTTP head`, place);
    }
    return { mode: 'seek', wanted: ANYTHING };
  }

  lost(from: Sender, place: Place): Next {
    if (this.#isGateway) this.#note('HTTP_LOST', `${from}: missing bytes hide an HTTP head`, place);
    return { mode: 'seek', wanted: this.#carriesFrames() ? ['websocket', 'head'] : ANYTHING };
  }

  found(from: Sender, { landmark, skipped }: LandmarkMatch, place: Place): Next {
    if (this.#isGateway || landmark !== 'head') {
      this.#note('HTTP_FOUND', `${from}: understood again (${landmark}) after ${skipped} bytes`, place);
    }
    if (landmark === 'head') return HEAD;
    this.#open(landmark === 'websocket' ? 'websocket' : 'http', true, undefined, place);
    if (landmark === 'websocket') return { mode: 'websocket' };
    return { mode: 'body', framing: landmark === 'chunk' ? 'chunked' : 'until close', use: 'tunnel' };
  }

  gaveUp(from: Sender, place: Place): void {
    if (this.#isGateway) this.#note('HTTP_GIVEN_UP', `${from}: nothing was understood any more`, place);
  }

  #request(bytes: Buffer, place: Place): Next | undefined {
    const raw = parseRequest(bytes);
    if (!raw) return undefined;
    // The connection preface of HTTP/2 (RFC 9113 3.4). RD Gateway uses HTTP/1.1 only.
    if (raw.version.startsWith('2')) return IGNORE;
    const rdg = rdgRequest(raw);
    const event: RequestEvent = { head: this.#redact(raw), rdg, place };
    this.#sawHttp = true;
    if (rdg.kind !== 'other') this.#isGateway = true;
    this.#sink.request(event);
    this.#noteOddLines('client', raw, place);
    this.#auth('client', 'authorization', raw.headers, place);
    if (rdg.authScheme) {
      this.#sink.auth({ from: 'client', header: 'rdg-auth-scheme', summary: { scheme: rdg.authScheme }, place });
    }
    this.#pending.push(event);
    if (this.#pending.length > MAX_PENDING) this.#pending.shift();
    if (rdg.upgrade) this.#upgradeRequest = event;
    const framing = requestFraming(raw.headers);
    if (rdg.kind !== 'in' || framing === 'none') return { mode: 'body', framing, use: 'drop' };
    this.#open('http', false, 'in', place);
    return { mode: 'body', framing, use: 'tunnel' };
  }

  #response(bytes: Buffer, place: Place): Next | undefined {
    const raw = parseResponse(bytes);
    if (!raw) return undefined;
    this.#sawHttp = true;
    const interim = raw.status < 200 && raw.status !== 101;
    const answers = interim ? undefined : this.#pending.shift();
    this.#sink.response({ head: this.#redact(raw), ...(answers && { answers }), place });
    this.#noteOddLines('server', raw, place);
    this.#auth('server', 'www-authenticate', raw.headers, place);
    if (interim) return HEAD;
    if (raw.status === 101) return this.#switchProtocols(raw, answers, place);
    if (answers === this.#upgradeRequest) this.#upgradeRequest = undefined;
    const framing = responseFraming(raw, answers?.head.method);
    if (raw.status >= 300) return { mode: 'body', framing, use: 'drop' };
    // The request was not captured. An OUT channel is recognised by its first PDU, a chunked one by a chunk with a PDU.
    if (!answers && framing === 'until close') return { mode: 'seek', wanted: ['pdu', 'head'] };
    if (!answers && framing === 'chunked' && !isText(raw)) return { mode: 'seek', wanted: ['chunk', 'head'] };
    if (answers?.rdg.kind !== 'out') return { mode: 'body', framing, use: 'drop' };
    if (framing === 'none' || isText(raw)) {
      this.#note('HTTP_OUT_NO_TUNNEL', 'the answer to RDG_OUT_DATA has no body for PDUs', place);
      return { mode: 'body', framing, use: 'drop' };
    }
    this.#open('http', false, 'out', place);
    return { mode: 'body', framing, use: 'out' };
  }

  #switchProtocols(raw: ResponseHead, answers: RequestEvent | undefined, place: Place): Next {
    const client = this.#directions.client;
    if (!answers && hasToken(raw.headers, 'upgrade', 'websocket')) return { mode: 'seek', wanted: ['websocket'] };
    const { kind } = answers?.rdg ?? {};
    if (!answers || (kind !== 'out' && kind !== 'upgrade')) {
      this.#upgradeRequest = undefined;
      client.switchTo(IGNORE);
      return IGNORE;
    }
    this.#checkAccept(answers.head, raw, place);
    this.#open('websocket', false, undefined, place);
    if (client.idle) client.switchTo({ mode: 'websocket' });
    return { mode: 'websocket' };
  }

  #open(transport: 'websocket' | 'http', assumed: boolean, channel: 'out' | 'in' | undefined, place: Place): void {
    if (this.#transport === transport) return;
    this.#transport = transport;
    this.#isGateway = true;
    this.#sink.upgrade({ transport, assumed, ...(channel && { channel }), place });
    if (assumed) this.#note('TUNNEL_ASSUMED', `nothing says so, the bytes look like a tunnel over ${transport}`, place);
  }

  #carriesFrames(): boolean {
    const kind = this.#upgradeRequest?.rdg.kind;
    return this.#transport === 'websocket' || kind === 'out' || kind === 'upgrade';
  }

  /** RFC 6455 4.2.2. The key is hashed as text and never decoded: FreeRDP 2 sends a key that is not base64. */
  #checkAccept(request: RequestHead, response: ResponseHead, place: Place): void {
    const key = headerValue(request.headers, 'sec-websocket-key');
    const accept = headerValue(response.headers, 'sec-websocket-accept');
    if (key === undefined) return;
    const expected = createHash('sha1')
      .update(Buffer.from(key + GUID, 'latin1'))
      .digest('base64');
    if (accept !== expected) this.#note('WS_ACCEPT_WRONG', accept === undefined ? 'it is missing' : accept, place);
  }

  #auth(from: Sender, header: string, headers: readonly Header[], place: Place): void {
    const options = { secrets: this.#secrets };
    for (const value of headerValues(headers, header).slice(0, MAX_AUTH_HEADERS)) {
      const summaries =
        from === 'client' ? [summariseCredentials(value, options)] : summariseChallenges(value, options);
      for (const summary of summaries) {
        this.#sink.auth({ from, header, summary, place });
        if (summary.problem) this.#note('AUTH_TOKEN_BAD', `${summary.scheme}: the token is ${summary.problem}`, place);
      }
    }
  }

  #noteOddLines(from: Sender, { odd }: { readonly odd: number }, place: Place): void {
    if (odd > 0 && this.#isGateway)
      this.#note('HTTP_HEAD_ODD', `${from}: ${odd} lines of a head were not understood`, place);
  }

  #redact<T extends RequestHead | ResponseHead>(head: T): T {
    if (this.#secrets) return head;
    const headers = withoutSecrets(head.headers);
    return 'target' in head ? { ...head, headers, target: targetWithoutSecrets(head.target) } : { ...head, headers };
  }

  #note(code: string, detail: string, place: Place): void {
    this.#sink.note({ code, detail, frame: place.frame, time: place.time });
  }
}

/** Whether the response is a page rather than a tunnel. */
function isText({ headers }: ResponseHead): boolean {
  return /^text\//i.test(headerValue(headers, 'content-type') ?? '');
}
