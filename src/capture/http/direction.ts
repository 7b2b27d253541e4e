import { type Landmark, type LandmarkMatch, Seeker } from '../conversation/resync.js';
import type { GapCause, Place, Sender } from '../types.js';
import { WebSocketReader } from '../websocket/websocket.js';
import { BodyReader } from './body.js';
import type { EndCause, HttpSink } from './events.js';
import type { Framing } from './head.js';
import { HeadReader } from './head-reader.js';
import { SEED_BYTES, SeedReader } from './seed.js';

/** What a direction reads next. A body is dropped, or it carries PDUs; with `out` a seed precedes the PDUs. */
export type Next =
  | { readonly mode: 'head' }
  | { readonly mode: 'body'; readonly framing: Framing; readonly use: 'drop' | 'tunnel' | 'out' }
  | { readonly mode: 'websocket' }
  | { readonly mode: 'seek'; readonly wanted: readonly Landmark[] }
  | { readonly mode: 'ignore' };

/** Interprets the heads of both directions and decides what each direction reads next. */
export interface HttpDirectionHost {
  /** A complete head was read. */
  head(from: Sender, head: Buffer, place: Place): Next;
  /** The bytes where a head should begin are not a head, or the head is too long. */
  refused(from: Sender, why: 'not a head' | 'too long', place: Place): Next;
  /** Framing is lost because of missing bytes. */
  lost(from: Sender, place: Place): Next;
  /** A landmark was found while seeking. */
  found(from: Sender, match: LandmarkMatch, place: Place): Next;
  /** No landmark was found within MAX_SEEK_BYTES; the direction ignores all further bytes. */
  gaveUp(from: Sender, place: Place): void;
}

const EMPTY = Buffer.alloc(0);
const HEAD: Next = { mode: 'head' };

/** The reader of one direction of an HTTP connection. It takes bytes in any split; its host interprets the heads. */
export class HttpDirection {
  readonly #from: Sender;
  readonly #host: HttpDirectionHost;
  readonly #sink: HttpSink;
  readonly #heads: HeadReader;
  #mode: Next['mode'] = 'head';
  #body = new BodyReader('none');
  #use: 'drop' | 'tunnel' | 'out' = 'drop';
  #seed: SeedReader | undefined;
  #webSocket: WebSocketReader | undefined;
  #seeker: Seeker | undefined;
  #place: Place = { frame: 0, time: 0n };
  #whole: boolean;
  readonly #payload = (payload: Buffer): void => this.#onPayload(payload);
  readonly #seedSink = {
    length: (bytes: number): void => this.#noteSeedLength(bytes),
    tunnel: (bytes: Buffer): void => this.#sink.tunnel(this.#from, bytes, this.#place),
  };

  constructor(from: Sender, whole: boolean, host: HttpDirectionHost, sink: HttpSink) {
    this.#from = from;
    this.#whole = whole;
    this.#host = host;
    this.#sink = sink;
    this.#heads = new HeadReader(from);
  }

  /** Every byte of this direction was captured, from the first one on. */
  get whole(): boolean {
    return this.#whole;
  }

  /** The direction is between two messages. */
  get idle(): boolean {
    return this.#mode === 'head' && this.#heads.pending === 0;
  }

  push(bytes: Buffer, place: Place): void {
    this.#place = place;
    if (this.#mode === 'websocket') {
      (this.#webSocket as WebSocketReader).push(bytes, place);
      return;
    }
    let rest = bytes;
    while (rest.length > 0) rest = this.#step(rest, place);
  }

  switchTo(next: Next): void {
    this.#mode = next.mode;
    if (next.mode === 'websocket') this.#webSocket ??= new WebSocketReader(this.#from, this.#sink);
    else if (next.mode === 'seek') this.#seeker = new Seeker(this.#from, next.wanted);
    else if (next.mode === 'body') {
      this.#body = new BodyReader(next.framing);
      this.#use = next.use;
      this.#seed = next.use === 'out' ? new SeedReader() : undefined;
      if (this.#body.done) this.#finishBody();
    }
  }

  gap(length: number | undefined, place: Place): void {
    this.#place = place;
    this.#whole = false;
    if (this.#mode === 'websocket') this.#webSocket?.gap(length, place);
    else if (this.#mode === 'seek') this.#seeker?.gap();
    else if (this.#mode === 'body') this.#gapInBody(length, place);
    else if (this.#mode === 'head') {
      this.#heads.drop();
      this.switchTo(this.#host.lost(this.#from, place));
    }
  }

  end(how: EndCause, place: Place): void {
    this.#place = place;
    this.#seed?.flush(this.#seedSink);
    if (how === 'fin' && this.#mode === 'websocket') this.#webSocket?.end(place);
    this.switchTo({ mode: 'ignore' });
  }

  #step(bytes: Buffer, place: Place): Buffer {
    switch (this.#mode) {
      case 'head':
        return this.#readHead(bytes, place);
      case 'body':
        return this.#readBody(bytes, place);
      case 'websocket':
        (this.#webSocket as WebSocketReader).push(bytes, place);
        return EMPTY;
      case 'seek':
        return this.#seek(bytes, place);
      case 'ignore':
        return EMPTY;
    }
  }

  #readHead(bytes: Buffer, place: Place): Buffer {
    const { head, refused, why, rest } = this.#heads.push(bytes);
    if (head) this.switchTo(this.#host.head(this.#from, head, place));
    if (!refused) return rest;
    this.switchTo(this.#host.refused(this.#from, why ?? 'not a head', place));
    // INVARIANT: a head that is too long is not read again, and the host never answers `refused` with the mode 'head'.
    if (why === 'too long') return rest;
    // The buffered bytes are read again in the new mode.
    return rest.length === 0 ? refused : Buffer.concat([refused, rest]);
  }

  #readBody(bytes: Buffer, place: Place): Buffer {
    const rest = this.#body.push(bytes, this.#payload);
    if (this.#body.lost) {
      this.#sink.note({ code: 'HTTP_CHUNK_BAD', detail: `${this.#from}: chunks do not fit together`, ...place });
      this.#loseBody(place, 'unreadable');
    } else if (this.#body.done) this.#finishBody();
    return rest;
  }

  #onPayload(payload: Buffer): void {
    if (this.#use === 'drop') return;
    if (this.#seed) {
      this.#seed.push(payload, this.#seedSink);
      if (this.#seed.done) this.#seed = undefined;
    } else this.#sink.tunnel(this.#from, payload, this.#place);
  }

  #noteSeedLength(length: number): void {
    if (length === SEED_BYTES) return;
    const [code, detail] =
      length === 0
        ? ['HTTP_SEED_MISSING', 'PDUs begin where clients skip ten bytes']
        : ['HTTP_SEED_LENGTH', `${length} bytes, clients skip ten`];
    this.#sink.note({ code, detail, ...this.#place });
  }

  #finishBody(): void {
    this.#flushSeed();
    if (this.#use !== 'drop') this.#sink.bodyEnd(this.#from, this.#place);
    this.#use = 'drop';
    this.switchTo(HEAD);
  }

  #gapInBody(length: number | undefined, place: Place): void {
    this.#flushSeed();
    if (!this.#body.gap(length)) this.#loseBody(place, 'missing');
    else if (this.#use !== 'drop') this.#sink.gap(this.#from, length, place, 'missing');
    if (this.#mode === 'body' && this.#body.done) this.#finishBody();
  }

  #loseBody(place: Place, cause: GapCause): void {
    if (this.#use === 'drop') {
      this.switchTo(this.#host.lost(this.#from, place));
      return;
    }
    this.#flushSeed();
    this.#sink.gap(this.#from, undefined, place, cause);
    this.switchTo({ mode: 'seek', wanted: ['chunk', 'head'] });
  }

  #flushSeed(): void {
    this.#seed?.flush(this.#seedSink);
    this.#seed = undefined;
  }

  #seek(bytes: Buffer, place: Place): Buffer {
    const seeker = this.#seeker as Seeker;
    const match = seeker.push(bytes);
    if (match) {
      this.switchTo(this.#host.found(this.#from, match, place));
      return match.rest;
    }
    if (!seeker.gaveUp) return EMPTY;
    this.switchTo({ mode: 'ignore' });
    this.#host.gaveUp(this.#from, place);
    return EMPTY;
  }
}
