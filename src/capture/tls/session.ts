/** Decryption of one TLS connection: follows the handshake and opens the records of both directions. */
import type { Place, Sender } from '../types.js';
import type { Decrypter, Opened } from './decrypter.js';
import { type Gap, NO_GAP, plus } from './gap.js';
import { HANDSHAKE, HandshakeReader } from './handshake.js';
import { describeAlert, TLS_NOTE, type TlsInfo, type TlsSink } from './info.js';
import type { KeyLog } from './keylog.js';
import { Negotiation } from './negotiation.js';
import { RECORD_HEADER } from './record-format.js';

/** Consecutive records that fail to open before a direction is dropped: wrong keys, or the sequence number is lost. */
export const MAX_FAILURES = 16;

/** The same for early data, which may be undecryptable and of which servers accept little. */
const MAX_EARLY = 256;

/** Records that may be lost before the first one under new keys, in addition to the known missing ones. */
const MAX_UNSEEN = 32;

const TYPE = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 };

/** State of one direction. TLS 1.2 skips the phase `handshake`. A `dropped` direction produces no more output. */
interface Direction {
  readonly from: Sender;
  readonly handshake: HandshakeReader;
  phase: 'plain' | 'handshake' | 'application' | 'dropped';
  decrypter: Decrypter | undefined;
  /** Records lost while there are no keys. */
  loss: Gap;
  failures: number;
  /** Whether an unencrypted record was seen. */
  sawPlaintext: boolean;
  /** Whether records are padded, so that the content length of a lost record is unknown. */
  padded: boolean;
  /** Whether application data was seen. */
  hasData: boolean;
}

export class TlsSession {
  readonly #sink: TlsSink;
  readonly #negotiation: Negotiation;
  readonly #directions: Readonly<Record<Sender, Direction>>;
  readonly #noted = new Set<string>();
  /** Key status last reported with `sink.tls`. */
  #reported: TlsInfo['keys'] | undefined;
  /** TLS 1.3 early data, once the client has sent any. */
  #early: { decrypter: Decrypter | undefined } | undefined;
  /** Place of the current record. */
  #place: Place = { frame: 0, time: 0n };

  constructor(keys: KeyLog, sink: TlsSink) {
    this.#sink = sink;
    this.#negotiation = new Negotiation(keys);
    this.#directions = { client: this.#newDirection('client'), server: this.#newDirection('server') };
  }

  /** Processes a record. Returns false when keys or the other hello are missing; the caller then retries it later. */
  accept(from: Sender, record: Buffer, place: Place): boolean {
    this.#place = place;
    const direction = this.#directions[from];
    if (direction.phase === 'dropped') return true;
    return direction.phase === 'plain' ? this.#plain(direction, record) : this.#encrypted(direction, record);
  }

  /** Whether a record is an unencrypted handshake message. */
  isClear(from: Sender, record: Buffer): boolean {
    return record[0] === TYPE.handshake && (this.#directions[from].phase === 'plain' || this.#negotiation.isTls13);
  }

  /** Reports missing records of a direction. */
  lost(from: Sender, loss: Gap): void {
    const direction = this.#directions[from];
    direction.handshake.reset();
    if (direction.decrypter) direction.decrypter.addLoss(loss);
    else direction.loss = plus(direction.loss, loss);
  }

  /** Stops decrypting a direction and emits one gap of unknown length for the rest of it. */
  drop(from: Sender, place: Place, note?: string): void {
    const direction = this.#directions[from];
    if (direction.phase === 'dropped') return;
    direction.phase = 'dropped';
    direction.decrypter = undefined;
    if (note) this.#note(note, `from the ${from}`, place);
    this.#sink.gap(from, undefined, place);
  }

  /** Reports that keys are missing: the connection has ended, or the buffer for its records is full. */
  reportMissingKeys(place: Place): void {
    if (this.#reported === 'unsupported') return;
    this.#place = place;
    if (!this.#reported) this.#report('missing', place);
    const { code, detail } = this.#negotiation.missingKeysNote;
    this.#noteOnce(code, detail);
  }

  /** Ends a direction. Records lost at its end become a gap of unknown length, since no later record bounds them. */
  end(from: Sender, place: Place): void {
    const { phase, decrypter, loss } = this.#directions[from];
    const lossy = decrypter ? decrypter.hasLoss : loss.most > 0;
    if (lossy && phase === 'application') this.#sink.gap(from, undefined, place);
  }

  /** Called after both directions have ended. */
  close(place: Place): void {
    if (this.#reported || !this.#negotiation.hasClientHello) return;
    this.#report(this.#negotiation.hasKeys ? 'found' : 'missing', place);
    const isDropped = Object.values(this.#directions).some((direction) => direction.phase === 'dropped');
    if (!isDropped) this.#note(TLS_NOTE.unfinished, undefined, place);
  }

  #newDirection(from: Sender): Direction {
    const handshake = new HandshakeReader((type, body) => this.#message(this.#directions[from], type, body));
    const flags = { sawPlaintext: false, padded: false, hasData: false };
    return { from, handshake, phase: 'plain', decrypter: undefined, loss: NO_GAP, failures: 0, ...flags };
  }

  #plain(direction: Direction, record: Buffer): boolean {
    const type = record[0];
    if (type === TYPE.applicationData && !direction.sawPlaintext) {
      this.#noteOnce(TLS_NOTE.noHandshake);
      this.drop(direction.from, this.#place);
      return true;
    }
    direction.sawPlaintext = true;
    if (type === TYPE.handshake) direction.handshake.push(record.subarray(RECORD_HEADER));
    if (type === TYPE.alert) this.#alert(direction, record.subarray(RECORD_HEADER));
    if (type === TYPE.changeCipherSpec) return this.#negotiation.isTls13 || this.#changeCipher(direction, NO_GAP);
    if (type !== TYPE.applicationData) return true;
    // The ChangeCipherSpec was lost. The loss then includes unencrypted records, and may not include the Finished.
    const loss = { wire: undefined, least: 0, most: direction.loss.most + MAX_UNSEEN };
    return this.#changeCipher(direction, loss) && this.#encrypted(direction, record);
  }

  /** TLS 1.2 ChangeCipherSpec: the following records of this direction use the negotiated keys. */
  #changeCipher(direction: Direction, loss: Gap): boolean {
    const decrypter = this.#negotiation.tls12Keys(direction.from);
    if (!decrypter) return false;
    decrypter.addLoss(loss);
    this.#rekey(direction, 'application', decrypter);
    direction.handshake.reset();
    if (direction.from === 'server') this.#reportFound();
    return true;
  }

  #rekey(direction: Direction, phase: Direction['phase'], decrypter: Decrypter | undefined): void {
    direction.phase = phase;
    direction.decrypter = decrypter;
    direction.loss = NO_GAP;
    direction.failures = 0;
  }

  #encrypted(direction: Direction, record: Buffer): boolean {
    const type = record[0] ?? 0;
    const isTls13 = this.#negotiation.isTls13;
    if (type !== TYPE.applicationData) {
      // In TLS 1.3 these are compatibility ChangeCipherSpec records, a second ClientHello or early alerts.
      if (isTls13 && type === TYPE.handshake) direction.handshake.push(record.subarray(RECORD_HEADER));
      if (isTls13 && type === TYPE.alert) this.#alert(direction, record.subarray(RECORD_HEADER));
      if (isTls13) return true;
      if (type === TYPE.changeCipherSpec) return this.#changeCipher(direction, NO_GAP);
    }
    const decrypter = direction.decrypter ?? this.#installKeys(direction);
    if (!decrypter && !(direction.phase === 'handshake' && this.#negotiation.tls13Keys(direction.from, 'application')))
      return false;
    const opened = decrypter?.open(record) ?? this.#tryOtherKeys(direction, record);
    if (!opened) {
      this.#decryptFailed(direction);
      return true;
    }
    direction.failures = 0;
    if (opened.missing !== 0 && direction.phase === 'application') {
      direction.handshake.reset();
      // A lost TLS 1.3 record may have been a session ticket. Before any data that is likely, so the length is unknown.
      const isKnown = !direction.padded && (!isTls13 || direction.hasData);
      this.#sink.gap(direction.from, isKnown ? opened.missing : undefined, this.#place);
    }
    if (isTls13) this.#inner(direction, opened.content);
    else this.#content(direction, type, opened.content);
    return true;
  }

  /** TLS 1.3: installs the keys of the current phase. */
  #installKeys(direction: Direction): Decrypter | undefined {
    if (direction.phase === 'plain' || direction.phase === 'dropped') return undefined;
    const decrypter = this.#negotiation.tls13Keys(direction.from, direction.phase);
    if (!decrypter) return undefined;
    decrypter.addLoss(direction.loss);
    direction.decrypter = decrypter;
    direction.loss = NO_GAP;
    return decrypter;
  }

  /** TLS 1.3: a record not under handshake keys may be early data, or the end of the handshake was lost. */
  #tryOtherKeys(direction: Direction, record: Buffer): Opened | undefined {
    if (direction.phase !== 'handshake') return undefined;
    if (this.#mayBeEarly(direction)) {
      this.#early ??= { decrypter: this.#negotiation.tls13Keys('client', 'early') };
      const early = this.#early.decrypter?.open(record);
      const first = this.#noteOnce(TLS_NOTE.earlyData, early ? 'read' : 'not readable');
      if (!early && first) this.#sink.gap('client', undefined, this.#place);
      // Early data does not count in the sequence of the handshake keys, so these start again with the next record.
      direction.decrypter = undefined;
      if (early) return early;
    }
    const next = this.#negotiation.tls13Keys(direction.from, 'application');
    next?.addLoss({ wire: undefined, least: 0, most: MAX_UNSEEN });
    const opened = next?.open(record);
    if (opened) this.#rekey(direction, 'application', next);
    return opened;
  }

  /** Whether the next record of the direction may be early data. */
  #mayBeEarly(direction: Direction): boolean {
    return direction.from === 'client' && this.#negotiation.offersEarlyData && !direction.decrypter?.sequence;
  }

  #decryptFailed(direction: Direction): void {
    const early = this.#mayBeEarly(direction);
    if (++direction.failures >= (early ? MAX_EARLY : MAX_FAILURES)) {
      return this.drop(direction.from, this.#place, TLS_NOTE.givenUp);
    }
    if (direction.decrypter && !early) this.#note(TLS_NOTE.notAuthentic, `from the ${direction.from}`, this.#place);
  }

  /** TLSInnerPlaintext: content, content type, zero padding (RFC 8446 section 5.2). */
  #inner(direction: Direction, inner: Buffer): void {
    let end = inner.length - 1;
    while (end >= 0 && inner[end] === 0) end--;
    if (end < inner.length - 1) direction.padded = true;
    if (end >= 0) this.#content(direction, inner[end] ?? 0, inner.subarray(0, end));
  }

  #content(direction: Direction, type: number, content: Buffer): void {
    if (type === TYPE.applicationData) {
      this.#reportFound();
      direction.hasData = true;
      if (content.length > 0) this.#sink.bytes(direction.from, content, this.#place);
    }
    if (type === TYPE.handshake) direction.handshake.push(content);
    if (type === TYPE.alert) this.#alert(direction, content);
  }

  #message(direction: Direction, type: number, body: Buffer): void {
    const negotiation = this.#negotiation;
    const { from, phase } = direction;
    if (type === HANDSHAKE.clientHello && phase === 'application' && !negotiation.isTls13) {
      negotiation.restart();
      this.#note(TLS_NOTE.renegotiated, undefined, this.#place);
    }
    negotiation.message(from, type, body);
    if (type === HANDSHAKE.serverHello && from === 'server') this.#serverHello();
    if (type === HANDSHAKE.finished && phase === 'handshake') {
      this.#rekey(direction, 'application', undefined);
      if (from === 'server') this.#reportFound();
    }
    if (type === HANDSHAKE.keyUpdate && phase === 'application' && negotiation.isTls13) direction.decrypter?.update();
  }

  /** Handles a ServerHello or HelloRetryRequest. */
  #serverHello(): void {
    const { hasServerHello, unsupported, isTls13 } = this.#negotiation;
    if (!hasServerHello) return;
    for (const direction of Object.values(this.#directions)) {
      if (isTls13 && direction.phase === 'plain') direction.phase = 'handshake';
    }
    if (unsupported === undefined) return;
    this.#report('unsupported', this.#place);
    this.#note(TLS_NOTE.unsupported, unsupported, this.#place);
    this.drop('client', this.#place);
    this.drop('server', this.#place);
  }

  #alert(direction: Direction, body: Buffer): void {
    const description = describeAlert(body);
    if (description) this.#note(TLS_NOTE.alert, `${description} from the ${direction.from}`, this.#place);
  }

  #reportFound(): void {
    if (this.#reported === undefined || this.#reported === 'missing') this.#report('found', this.#place);
  }

  #report(keys: TlsInfo['keys'], place: Place): void {
    this.#reported = keys;
    this.#sink.tls?.(this.#negotiation.info(keys), place);
  }

  /** Emits a note unless one with this code was emitted before. Returns whether it did. */
  #noteOnce(code: string, detail?: string): boolean {
    if (this.#noted.has(code)) return false;
    this.#noted.add(code);
    this.#note(code, detail, this.#place);
    return true;
  }

  #note(code: string, detail: string | undefined, { frame, time }: Place): void {
    this.#sink.note({ code, frame, time, ...(detail === undefined ? {} : { detail }) });
  }
}
