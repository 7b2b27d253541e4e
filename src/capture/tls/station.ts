/** TLS station of the capture pipeline: turns the two byte streams of a TCP connection into plaintext. */
import type { ByteSink, Place, Sender } from '../types.js';
import { type Gap, NO_GAP, oneRecord, plus } from './gap.js';
import { HeldRecords } from './held-records.js';
import { TLS_NOTE, type TlsSink } from './info.js';
import type { KeyLog } from './keylog.js';
import { isRecordHeader, RecordReader } from './records.js';
import { TlsSession } from './session.js';

type EndReason = Parameters<ByteSink['end']>[1];

/** Record layer event of one direction. */
type Event =
  | { readonly kind: 'record'; readonly bytes: Buffer }
  | { readonly kind: 'lost'; readonly loss: Gap }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'end'; readonly how: EndReason };

interface Direction {
  readonly reader: RecordReader;
  /** Whether the direction is not TLS, so that its bytes pass unchanged. */
  isPlain: boolean;
  hasEnded: boolean;
  /** Records discarded because the buffer was full while keys were missing. */
  skipped: Gap;
}

/**
 * Decrypts one TCP connection. The first bytes of either direction decide whether it is TLS; any other stream passes
 * unchanged. Memory is bounded: it buffers one incomplete record per direction, and up to `MAX_HELD` bytes while keys
 * are missing.
 */
export class TlsStation implements ByteSink {
  readonly #keys: KeyLog;
  readonly #sink: TlsSink;
  readonly #session: TlsSession;
  readonly #directions: Readonly<Record<Sender, Direction>>;
  readonly #queue: HeldRecords<Event>;
  #isTls: boolean | undefined;
  /** Events before the detection of TLS, which needs three bytes. They are replayed after it. */
  #undetected: { from: Sender; replay(): void; bytes: Buffer }[] = [];
  #keysSeen = 0;

  constructor(keys: KeyLog, sink: TlsSink) {
    this.#keys = keys;
    this.#sink = sink;
    this.#session = new TlsSession(keys, sink);
    this.#queue = new HeldRecords(keys);
    this.#directions = { client: this.#direction('client'), server: this.#direction('server') };
  }

  bytes(from: Sender, bytes: Buffer, place: Place): void {
    if (this.#isTls === false || this.#directions[from].isPlain) return this.#sink.bytes(from, bytes, place);
    if (this.#isTls === undefined) return this.#detect(from, bytes, place);
    this.#checkForKeys();
    this.#directions[from].reader.push(bytes, place);
  }

  gap(from: Sender, length: number | undefined, place: Place): void {
    if (this.#isTls === undefined) {
      this.#undetected.push({ from, bytes: EMPTY, replay: () => this.gap(from, length, place) });
      if (this.#undetected.length > MAX_UNDETECTED) this.#decide(false);
      return;
    }
    if (!this.#isTls || this.#directions[from].isPlain) return this.#sink.gap(from, length, place);
    this.#directions[from].reader.gap(length, place);
  }

  end(from: Sender, how: EndReason, place: Place): void {
    if (this.#isTls === undefined) this.#decide(false);
    if (!this.#isTls) return this.#sink.end(from, how, place);
    const direction = this.#directions[from];
    if (direction.hasEnded) return;
    this.#checkForKeys();
    direction.reader.end(place);
    direction.hasEnded = true;
    this.#onEvent(from, { kind: 'end', how }, place);
    if (this.#directions.client.hasEnded && this.#directions.server.hasEnded) this.#close(place);
  }

  #direction(from: Sender): Direction {
    const reader = new RecordReader({
      record: (bytes, place) => this.#onEvent(from, { kind: 'record', bytes }, place),
      lost: (loss, place) => this.#onEvent(from, { kind: 'lost', loss }, place),
      invalid: (bytes, isFirst, place) => this.#invalid(from, bytes, isFirst, place),
    });
    return { reader, isPlain: false, hasEnded: false, skipped: NO_GAP };
  }

  /** Detects TLS: the first bytes of a direction must start a record. No text and no client WebSocket frame does. */
  #detect(from: Sender, bytes: Buffer, place: Place): void {
    if (bytes.length === 0) return;
    const copy = Buffer.from(bytes);
    this.#undetected.push({ from, bytes: copy, replay: () => this.bytes(from, copy, place) });
    const first = Buffer.concat(this.#undetected.filter((event) => event.from === from).map((event) => event.bytes));
    const length = Math.min(first.length, 3);
    const isNotTls = !isRecordHeader(Buffer.concat([first.subarray(0, length), RECORD_START.subarray(length)]));
    if (isNotTls || length === 3) this.#decide(!isNotTls);
  }

  #decide(isTls: boolean): void {
    this.#isTls = isTls;
    const undetected = this.#undetected;
    this.#undetected = [];
    for (const event of undetected) event.replay();
  }

  #invalid(from: Sender, bytes: Buffer, isFirst: boolean, place: Place): void {
    if (!isFirst) return this.#onEvent(from, { kind: 'invalid' }, place);
    this.#directions[from].isPlain = true;
    this.#sink.note({ code: TLS_NOTE.notTls, frame: place.frame, time: place.time, detail: `the ${from} does not` });
    this.#sink.bytes(from, bytes, place);
  }

  /** Handles events in order, except for unencrypted handshake messages: queued events may depend on them. */
  #onEvent(from: Sender, event: Event, place: Place): void {
    const queue = this.#queue;
    if (queue.isEmpty) {
      if (!this.#handle(from, event, place)) this.#enqueue(from, event, place);
      return;
    }
    const isClear = event.kind === 'record' && !queue.has(from) && this.#session.isClear(from, event.bytes);
    if (!isClear) return this.#enqueue(from, event, place);
    this.#handle(from, event, place);
    this.#resume();
  }

  /** Returns false when the event has to be queued until keys are available. */
  #handle(from: Sender, event: Event, place: Place): boolean {
    if (event.kind === 'record') return this.#session.accept(from, event.bytes, place);
    if (event.kind === 'lost') this.#session.lost(from, event.loss);
    if (event.kind === 'invalid') this.#session.drop(from, place, TLS_NOTE.malformed);
    if (event.kind === 'end') {
      this.#reportSkipped(from);
      this.#session.end(from, place);
      this.#sink.end(from, event.how, place);
    }
    return true;
  }

  #enqueue(from: Sender, event: Event, place: Place): void {
    const { frame, time } = place;
    const held = event.kind === 'record' ? { ...event, bytes: Buffer.from(event.bytes) } : event;
    const cost = event.kind === 'record' ? event.bytes.length : 0;
    if (this.#queue.add(from, held, cost, { frame, time })) return;
    this.#session.reportMissingKeys(place);
    const direction = this.#directions[from];
    if (event.kind === 'record') direction.skipped = plus(direction.skipped, oneRecord(event.bytes.length));
    if (event.kind === 'lost') direction.skipped = plus(direction.skipped, event.loss);
  }

  /** Retries queued events when the key log has new secrets. */
  #checkForKeys(): void {
    if (this.#keysSeen === this.#keys.version) return;
    this.#keysSeen = this.#keys.version;
    this.#resume();
  }

  #resume(): void {
    this.#queue.drain((from, event, place) => this.#handle(from, event, place));
    if (!this.#queue.isEmpty) return;
    this.#reportSkipped('client');
    this.#reportSkipped('server');
  }

  #reportSkipped(from: Sender): void {
    const direction = this.#directions[from];
    if (direction.skipped.most > 0) this.#session.lost(from, direction.skipped);
    direction.skipped = NO_GAP;
  }

  /** Called after both directions have ended: drops the events that are still queued for lack of keys. */
  #close(place: Place): void {
    if (!this.#queue.isEmpty) {
      this.#session.reportMissingKeys(place);
      this.#queue.drainAll((from, event, at) => {
        if (event.kind !== 'end' || this.#directions[from].skipped.most > 0) this.#session.drop(from, at);
        if (event.kind === 'end') this.#sink.end(from, event.how, at);
      });
    }
    this.#session.close(place);
  }
}

const EMPTY = Buffer.alloc(0);

/** A record header. Its tail completes up to three received bytes to a full header for `isRecordHeader`. */
const RECORD_START = Buffer.from([22, 3, 3, 0, 0]);

/** Events buffered before the detection of TLS. Without a limit, gaps alone could fill the buffer. */
const MAX_UNDETECTED = 16;
