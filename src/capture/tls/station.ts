/** The TLS station of the way down: a TCP connection's two byte streams → plaintext. */
import type { ByteSink, Place, Sender } from '../types.js';
import { type Gap, NO_GAP, oneRecord, plus } from './gap.js';
import { HeldRecords } from './held-records.js';
import { TLS_NOTE, type TlsSink } from './info.js';
import type { KeyLog } from './keylog.js';
import { isRecordHeader, RecordReader } from './records.js';
import { TlsSession } from './session.js';

type How = Parameters<ByteSink['end']>[1];

/** What happens in one direction, above bytes. */
type Event =
  | { readonly kind: 'record'; readonly bytes: Buffer }
  | { readonly kind: 'lost'; readonly loss: Gap }
  | { readonly kind: 'broken' }
  | { readonly kind: 'end'; readonly how: How };

interface Direction {
  readonly reader: RecordReader;
  /** Its bytes are no TLS and pass as they are. */
  isPlain: boolean;
  hasEnded: boolean;
  /** What was thrown away while there was no room to wait for keys. */
  skipped: Gap;
}

/**
 * One per TCP connection. Whether it is TLS the first bytes of either direction tell; a stream that is none passes unchanged.
 * Holds, beside a record in parts and `MAX_HELD` bytes that wait for keys, nothing that grows.
 */
export class TlsStation implements ByteSink {
  readonly #keys: KeyLog;
  readonly #sink: TlsSink;
  readonly #session: TlsSession;
  readonly #directions: Readonly<Record<Sender, Direction>>;
  readonly #waiting: HeldRecords<Event>;
  #isTls: boolean | undefined;
  /** Before the first three bytes: what there was, to be given on as soon as it is known how. */
  #start: { from: Sender; give(): void; bytes: Buffer }[] = [];
  #keysSeen = 0;

  constructor(keys: KeyLog, sink: TlsSink) {
    this.#keys = keys;
    this.#sink = sink;
    this.#session = new TlsSession(keys, sink);
    this.#waiting = new HeldRecords(keys);
    this.#directions = { client: this.#direction('client'), server: this.#direction('server') };
  }

  bytes(from: Sender, bytes: Buffer, place: Place): void {
    if (this.#isTls === false || this.#directions[from].isPlain) return this.#sink.bytes(from, bytes, place);
    if (this.#isTls === undefined) return this.#recognise(from, bytes, place);
    this.#lookForKeys();
    this.#directions[from].reader.push(bytes, place);
  }

  gap(from: Sender, length: number | undefined, place: Place): void {
    if (this.#isTls === undefined) {
      this.#start.push({ from, bytes: NOTHING, give: () => this.gap(from, length, place) });
      if (this.#start.length > MAX_START) this.#decide(false);
      return;
    }
    if (!this.#isTls || this.#directions[from].isPlain) return this.#sink.gap(from, length, place);
    this.#directions[from].reader.gap(length, place);
  }

  end(from: Sender, how: How, place: Place): void {
    if (this.#isTls === undefined) this.#decide(false);
    if (!this.#isTls) return this.#sink.end(from, how, place);
    const direction = this.#directions[from];
    if (direction.hasEnded) return;
    this.#lookForKeys();
    direction.reader.end(place);
    direction.hasEnded = true;
    this.#happened(from, { kind: 'end', how }, place);
    if (this.#directions.client.hasEnded && this.#directions.server.hasEnded) this.#close(place);
  }

  #direction(from: Sender): Direction {
    const reader = new RecordReader({
      record: (bytes, place) => this.#happened(from, { kind: 'record', bytes }, place),
      lost: (loss, place) => this.#happened(from, { kind: 'lost', loss }, place),
      broken: (bytes, isFirst, place) => this.#broken(from, bytes, isFirst, place),
    });
    return { reader, isPlain: false, hasEnded: false, skipped: NO_GAP };
  }

  /** TLS when the first bytes of a direction could start a record: no text and no WebSocket frame of a client does. */
  #recognise(from: Sender, bytes: Buffer, place: Place): void {
    if (bytes.length === 0) return;
    const copy = Buffer.from(bytes);
    this.#start.push({ from, bytes: copy, give: () => this.bytes(from, copy, place) });
    const first = Buffer.concat(this.#start.filter((one) => one.from === from).map((one) => one.bytes));
    const known = Math.min(first.length, 3);
    const isOdd = !isRecordHeader(Buffer.concat([first.subarray(0, known), RECORD_START.subarray(known)]));
    if (isOdd || known === 3) this.#decide(!isOdd);
  }

  #decide(isTls: boolean): void {
    this.#isTls = isTls;
    const start = this.#start;
    this.#start = [];
    for (const one of start) one.give();
  }

  #broken(from: Sender, bytes: Buffer, isFirst: boolean, place: Place): void {
    if (!isFirst) return this.#happened(from, { kind: 'broken' }, place);
    this.#directions[from].isPlain = true;
    this.#sink.note({ code: TLS_NOTE.notTls, frame: place.frame, time: place.time, detail: `the ${from} does not` });
    this.#sink.bytes(from, bytes, place);
  }

  /** In order, except that messages in the clear are read even when others wait: they may be what is waited for. */
  #happened(from: Sender, event: Event, place: Place): void {
    const waiting = this.#waiting;
    if (waiting.isEmpty) {
      if (!this.#handle(from, event, place)) this.#wait(from, event, place);
      return;
    }
    const isClear = event.kind === 'record' && !waiting.has(from) && this.#session.isClear(from, event.bytes);
    if (!isClear) return this.#wait(from, event, place);
    this.#handle(from, event, place);
    this.#resume();
  }

  /** False: not yet. */
  #handle(from: Sender, event: Event, place: Place): boolean {
    if (event.kind === 'record') return this.#session.accept(from, event.bytes, place);
    if (event.kind === 'lost') this.#session.lost(from, event.loss);
    if (event.kind === 'broken') this.#session.drop(from, place, TLS_NOTE.malformed);
    if (event.kind === 'end') {
      this.#giveUpSkipped(from);
      this.#session.end(from, place);
      this.#sink.end(from, event.how, place);
    }
    return true;
  }

  #wait(from: Sender, event: Event, place: Place): void {
    const { frame, time } = place;
    const held = event.kind === 'record' ? { ...event, bytes: Buffer.from(event.bytes) } : event;
    const cost = event.kind === 'record' ? event.bytes.length : 0;
    if (this.#waiting.add(from, held, cost, { frame, time })) return;
    this.#session.withoutKeys(place);
    const direction = this.#directions[from];
    if (event.kind === 'record') direction.skipped = plus(direction.skipped, oneRecord(event.bytes.length));
    if (event.kind === 'lost') direction.skipped = plus(direction.skipped, event.loss);
  }

  /** Keys may have come since the last packet. */
  #lookForKeys(): void {
    if (this.#keysSeen === this.#keys.version) return;
    this.#keysSeen = this.#keys.version;
    this.#resume();
  }

  #resume(): void {
    this.#waiting.drain((from, event, place) => this.#handle(from, event, place));
    if (!this.#waiting.isEmpty) return;
    this.#giveUpSkipped('client');
    this.#giveUpSkipped('server');
  }

  #giveUpSkipped(from: Sender): void {
    const direction = this.#directions[from];
    if (direction.skipped.most > 0) this.#session.lost(from, direction.skipped);
    direction.skipped = NO_GAP;
  }

  /** Both ended: what still waits waits in vain. */
  #close(place: Place): void {
    if (!this.#waiting.isEmpty) {
      this.#session.withoutKeys(place);
      this.#waiting.empty((from, event, at) => {
        if (event.kind !== 'end' || this.#directions[from].skipped.most > 0) this.#session.drop(from, at);
        if (event.kind === 'end') this.#sink.end(from, event.how, at);
      });
    }
    this.#session.close(place);
  }
}

const NOTHING = Buffer.alloc(0);

/** What makes a record header of up to three bytes, if they can be the start of one. */
const RECORD_START = Buffer.from([22, 3, 3, 0, 0]);

/** Gaps without a byte between them, before it is known what they are gaps of. */
const MAX_START = 16;
