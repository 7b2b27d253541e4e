import { type Find, type Landmark, Seeker } from '../conversation/resync.js';
import type { GapCause, Place, Sender } from '../types.js';
import { WebSocketReader } from '../websocket/websocket.js';
import { BodyReader } from './body.js';
import type { EndCause, HttpSink } from './events.js';
import type { Framing } from './head.js';
import { HeadReader } from './head-reader.js';
import { SEED_BYTES, SeedReader } from './seed.js';

/** How a lane goes on. `out` is a body of PDUs with a seed in front. */
export type Next =
  | { readonly mode: 'head' }
  | { readonly mode: 'body'; readonly framing: Framing; readonly use: 'drop' | 'tunnel' | 'out' }
  | { readonly mode: 'websocket' }
  | { readonly mode: 'seek'; readonly wanted: readonly Landmark[] }
  | { readonly mode: 'ignore' };

/** Who knows what the heads mean, and so what follows them. */
export interface HttpDirectionHost {
  /** A whole head came. */
  head(from: Sender, head: Buffer, place: Place): Next;
  /** Bytes came where a head should begin that are none, or one that is too long. */
  refused(from: Sender, why: 'not a head' | 'too long', place: Place): Next;
  /** Missing bytes hide what comes next. */
  lost(from: Sender, place: Place): Next;
  found(from: Sender, find: Find, place: Place): Next;
  gaveUp(from: Sender, place: Place): void;
}

const EMPTY = Buffer.alloc(0);
const HEAD: Next = { mode: 'head' };

/** One direction of a connection: takes bytes in any split and knows only what to read next. */
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
  readonly #payload = (payload: Buffer): void => this.#take(payload);
  readonly #seedSink = {
    length: (bytes: number): void => this.#remarkSeed(bytes),
    tunnel: (bytes: Buffer): void => this.#sink.tunnel(this.#from, bytes, this.#place),
  };

  constructor(from: Sender, whole: boolean, host: HttpDirectionHost, sink: HttpSink) {
    this.#from = from;
    this.#whole = whole;
    this.#host = host;
    this.#sink = sink;
    this.#heads = new HeadReader(from);
  }

  /** Every byte of this direction was seen, from the first on. */
  get whole(): boolean {
    return this.#whole;
  }

  /** Nothing is being read: between two messages. */
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

  become(next: Next): void {
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
      this.become(this.#host.lost(this.#from, place));
    }
  }

  end(how: EndCause, place: Place): void {
    this.#place = place;
    this.#seed?.flush(this.#seedSink);
    if (how === 'fin' && this.#mode === 'websocket') this.#webSocket?.end(place);
    this.become({ mode: 'ignore' });
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
    if (head) this.become(this.#host.head(this.#from, head, place));
    if (!refused) return rest;
    this.become(this.#host.refused(this.#from, why ?? 'not a head', place));
    // INVARIANT: what looked like a head and was too long is not read again, and no refusal is answered with 'head'.
    if (why === 'too long') return rest;
    // What was held is the beginning of something else.
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

  #take(payload: Buffer): void {
    if (this.#use === 'drop') return;
    if (this.#seed) {
      this.#seed.push(payload, this.#seedSink);
      if (this.#seed.done) this.#seed = undefined;
    } else this.#sink.tunnel(this.#from, payload, this.#place);
  }

  #remarkSeed(length: number): void {
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
    this.become(HEAD);
  }

  #gapInBody(length: number | undefined, place: Place): void {
    this.#flushSeed();
    if (!this.#body.gap(length)) this.#loseBody(place, 'missing');
    else if (this.#use !== 'drop') this.#sink.gap(this.#from, length, place, 'missing');
    if (this.#mode === 'body' && this.#body.done) this.#finishBody();
  }

  #loseBody(place: Place, cause: GapCause): void {
    if (this.#use === 'drop') {
      this.become(this.#host.lost(this.#from, place));
      return;
    }
    this.#flushSeed();
    this.#sink.gap(this.#from, undefined, place, cause);
    this.become({ mode: 'seek', wanted: ['chunk', 'head'] });
  }

  #flushSeed(): void {
    this.#seed?.flush(this.#seedSink);
    this.#seed = undefined;
  }

  #seek(bytes: Buffer, place: Place): Buffer {
    const seeker = this.#seeker as Seeker;
    const find = seeker.push(bytes);
    if (find) {
      this.become(this.#host.found(this.#from, find, place));
      return find.rest;
    }
    if (!seeker.gaveUp) return EMPTY;
    this.become({ mode: 'ignore' });
    this.#host.gaveUp(this.#from, place);
    return EMPTY;
  }
}
