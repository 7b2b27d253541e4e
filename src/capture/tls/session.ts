/** One TLS connection: follows its handshake and opens the records of both directions. */
import type { Place, Sender } from '../types.js';
import type { Decrypter, Opened } from './decrypter.js';
import { type Gap, NO_GAP, plus } from './gap.js';
import { HANDSHAKE, HandshakeReader } from './handshake.js';
import { describeAlert, TLS_NOTE, type TlsInfo, type TlsSink } from './info.js';
import type { KeyLog } from './keylog.js';
import { Negotiation } from './negotiation.js';
import { RECORD_HEADER } from './record-opener.js';

/** Records in a row that may fail to open before their direction is given up: the keys are not theirs, or the place is lost. */
export const MAX_FAILURES = 16;

/** The same for early data, which need not be readable and of which servers take little. */
const MAX_EARLY = 256;

/** Records that may be lost before the first one under new keys, beside those that were seen to be missing. */
const MAX_UNSEEN = 32;

const TYPE = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 };

/** One direction. TLS 1.2 goes from `plain` to `application`, TLS 1.3 has handshake keys in between; `dropped` gives nothing more. */
interface Channel {
  readonly from: Sender;
  readonly handshake: HandshakeReader;
  phase: 'plain' | 'handshake' | 'application' | 'dropped';
  unsealer: Decrypter | undefined;
  /** What was lost before there were keys. */
  loss: Gap;
  failures: number;
  /** Whether any record in the clear was seen. */
  greeted: boolean;
  /** Whether records are padded, so that what a lost one held cannot be told. */
  padded: boolean;
  /** Whether there was any data yet. */
  hasData: boolean;
}

export class TlsSession {
  readonly #sink: TlsSink;
  readonly #settled: Negotiation;
  readonly #channels: Readonly<Record<Sender, Channel>>;
  readonly #noted = new Set<string>();
  #told: TlsInfo['keys'] | undefined;
  /** TLS 1.3 data from before the server's answer. */
  #early: { unsealer: Decrypter | undefined } | undefined;
  /** Of the record at hand. */
  #place: Place = { frame: 0, time: 0n };

  constructor(keys: KeyLog, sink: TlsSink) {
    this.#sink = sink;
    this.#settled = new Negotiation(keys);
    this.#channels = { client: this.#channel('client'), server: this.#channel('server') };
  }

  /** Takes a record. False: it cannot be read before keys or the other side's hello are here; the caller offers it again. */
  accept(from: Sender, record: Buffer, place: Place): boolean {
    this.#place = place;
    const channel = this.#channels[from];
    if (channel.phase === 'dropped') return true;
    return channel.phase === 'plain' ? this.#plain(channel, record) : this.#sealed(channel, record);
  }

  /** Whether a record is a message in the clear, which no keys have to be waited for. */
  isClear(from: Sender, record: Buffer): boolean {
    return record[0] === TYPE.handshake && (this.#channels[from].phase === 'plain' || this.#settled.isTls13);
  }

  /** Records of this direction are missing. */
  lost(from: Sender, loss: Gap): void {
    const channel = this.#channels[from];
    channel.handshake.reset();
    if (channel.unsealer) channel.unsealer.lose(loss);
    else channel.loss = plus(channel.loss, loss);
  }

  /** What comes in this direction cannot be read: one gap without a length stands for it. */
  drop(from: Sender, place: Place, note?: string): void {
    const channel = this.#channels[from];
    if (channel.phase === 'dropped') return;
    channel.phase = 'dropped';
    channel.unsealer = undefined;
    if (note) this.#note(note, `from the ${from}`, place);
    this.#sink.gap(from, undefined, place);
  }

  /** There is no more hope of keys, or no more room to wait for them. */
  withoutKeys(place: Place): void {
    if (this.#told === 'unsupported') return;
    this.#place = place;
    if (!this.#told) this.#tell('missing', place);
    const { code, detail } = this.#settled.closed;
    this.#noteOnce(code, detail);
  }

  /** This direction ends. What was lost last had nothing behind it that told how much it was. */
  end(from: Sender, place: Place): void {
    const { phase, unsealer, loss } = this.#channels[from];
    const lossy = unsealer ? unsealer.lossy : loss.most > 0;
    if (lossy && phase === 'application') this.#sink.gap(from, undefined, place);
  }

  /** Both ended. */
  close(place: Place): void {
    if (this.#told || !this.#settled.greeted) return;
    this.#tell(this.#settled.known ? 'found' : 'missing', place);
    const isDropped = Object.values(this.#channels).some((channel) => channel.phase === 'dropped');
    if (!isDropped) this.#note(TLS_NOTE.unfinished, undefined, place);
  }

  #channel(from: Sender): Channel {
    const handshake = new HandshakeReader((type, body) => this.#message(this.#channels[from], type, body));
    const seen = { greeted: false, padded: false, hasData: false };
    return { from, handshake, phase: 'plain', unsealer: undefined, loss: NO_GAP, failures: 0, ...seen };
  }

  #plain(channel: Channel, record: Buffer): boolean {
    const type = record[0];
    if (type === TYPE.applicationData && !channel.greeted) {
      this.#noteOnce(TLS_NOTE.noHandshake);
      this.drop(channel.from, this.#place);
      return true;
    }
    channel.greeted = true;
    if (type === TYPE.handshake) channel.handshake.push(record.subarray(RECORD_HEADER));
    if (type === TYPE.alert) this.#alert(channel, record.subarray(RECORD_HEADER));
    if (type === TYPE.changeCipherSpec) return this.#settled.isTls13 || this.#changeCipher(channel, NO_GAP);
    if (type !== TYPE.applicationData) return true;
    // Where the change of ciphers was lost, records in the clear count in the loss, and the Finished behind it may not.
    const loss = { wire: undefined, least: 0, most: channel.loss.most + MAX_UNSEEN };
    return this.#changeCipher(channel, loss) && this.#sealed(channel, record);
  }

  /** TLS 1.2: what follows in this direction is protected by what both hellos settled. */
  #changeCipher(channel: Channel, loss: Gap): boolean {
    const unsealer = this.#settled.changed(channel.from);
    if (!unsealer) return false;
    unsealer.lose(loss);
    this.#rekey(channel, 'application', unsealer);
    channel.handshake.reset();
    if (channel.from === 'server') this.#tellFound();
    return true;
  }

  #rekey(channel: Channel, phase: Channel['phase'], unsealer: Decrypter | undefined): void {
    channel.phase = phase;
    channel.unsealer = unsealer;
    channel.loss = NO_GAP;
    channel.failures = 0;
  }

  #sealed(channel: Channel, record: Buffer): boolean {
    const type = record[0] ?? 0;
    const isTls13 = this.#settled.isTls13;
    if (type !== TYPE.applicationData) {
      // In TLS 1.3 only middlebox decoys, a repeated hello and early alerts look so.
      if (isTls13 && type === TYPE.handshake) channel.handshake.push(record.subarray(RECORD_HEADER));
      if (isTls13 && type === TYPE.alert) this.#alert(channel, record.subarray(RECORD_HEADER));
      if (isTls13) return true;
      if (type === TYPE.changeCipherSpec) return this.#changeCipher(channel, NO_GAP);
    }
    const unsealer = channel.unsealer ?? this.#arm(channel);
    if (!unsealer && !(channel.phase === 'handshake' && this.#settled.traffic(channel.from, 'application')))
      return false;
    const opened = unsealer?.open(record) ?? this.#openOtherwise(channel, record);
    if (!opened) {
      this.#unopened(channel);
      return true;
    }
    channel.failures = 0;
    if (opened.missing !== 0 && channel.phase === 'application') {
      channel.handshake.reset();
      // A lost record may have held a ticket instead; where nothing but tickets is likely, nothing is claimed.
      const isKnown = !channel.padded && (!isTls13 || channel.hasData);
      this.#sink.gap(channel.from, isKnown ? opened.missing : undefined, this.#place);
    }
    if (isTls13) this.#inner(channel, opened.content);
    else this.#content(channel, type, opened.content);
    return true;
  }

  /** TLS 1.3: gets the keys of the phase. */
  #arm(channel: Channel): Decrypter | undefined {
    if (channel.phase === 'plain' || channel.phase === 'dropped') return undefined;
    const unsealer = this.#settled.traffic(channel.from, channel.phase);
    if (!unsealer) return undefined;
    unsealer.lose(channel.loss);
    channel.unsealer = unsealer;
    channel.loss = NO_GAP;
    return unsealer;
  }

  /** TLS 1.3: a record that is not under the handshake's keys may be early data, or the end of the handshake was lost. */
  #openOtherwise(channel: Channel, record: Buffer): Opened | undefined {
    if (channel.phase !== 'handshake') return undefined;
    if (this.#awaitsEarly(channel)) {
      this.#early ??= { unsealer: this.#settled.traffic('client', 'early') };
      const early = this.#early.unsealer?.open(record);
      const first = this.#noteOnce(TLS_NOTE.earlyData, early ? 'read' : 'not readable');
      if (!early && first) this.#sink.gap('client', undefined, this.#place);
      // It does not count in the sequence under the handshake's keys, which start again with the next record.
      channel.unsealer = undefined;
      if (early) return early;
    }
    const ahead = this.#settled.traffic(channel.from, 'application');
    ahead?.lose({ wire: undefined, least: 0, most: MAX_UNSEEN });
    const opened = ahead?.open(record);
    if (opened) this.#rekey(channel, 'application', ahead);
    return opened;
  }

  /** Whether records of the client may still be early data. */
  #awaitsEarly(channel: Channel): boolean {
    return channel.from === 'client' && this.#settled.offersEarlyData && !channel.unsealer?.sequence;
  }

  #unopened(channel: Channel): void {
    const early = this.#awaitsEarly(channel);
    if (++channel.failures >= (early ? MAX_EARLY : MAX_FAILURES)) {
      return this.drop(channel.from, this.#place, TLS_NOTE.givenUp);
    }
    if (channel.unsealer && !early) this.#note(TLS_NOTE.notAuthentic, `from the ${channel.from}`, this.#place);
  }

  /** TLSInnerPlaintext: content, its type, zeros (RFC 8446 section 5.2). */
  #inner(channel: Channel, inner: Buffer): void {
    let end = inner.length - 1;
    while (end >= 0 && inner[end] === 0) end--;
    if (end < inner.length - 1) channel.padded = true;
    if (end >= 0) this.#content(channel, inner[end] ?? 0, inner.subarray(0, end));
  }

  #content(channel: Channel, type: number, content: Buffer): void {
    if (type === TYPE.applicationData) {
      this.#tellFound();
      channel.hasData = true;
      if (content.length > 0) this.#sink.bytes(channel.from, content, this.#place);
    }
    if (type === TYPE.handshake) channel.handshake.push(content);
    if (type === TYPE.alert) this.#alert(channel, content);
  }

  #message(channel: Channel, type: number, body: Buffer): void {
    const settled = this.#settled;
    const { from, phase } = channel;
    if (type === HANDSHAKE.clientHello && phase === 'application' && !settled.isTls13) {
      settled.restart();
      this.#note(TLS_NOTE.renegotiated, undefined, this.#place);
    }
    settled.message(from, type, body);
    if (type === HANDSHAKE.serverHello && from === 'server') this.#answered();
    if (type === HANDSHAKE.finished && phase === 'handshake') {
      this.#rekey(channel, 'application', undefined);
      if (from === 'server') this.#tellFound();
    }
    if (type === HANDSHAKE.keyUpdate && phase === 'application' && settled.isTls13) channel.unsealer?.update();
  }

  /** The server has chosen, or wants another hello first. */
  #answered(): void {
    const { answered, unsupported, isTls13 } = this.#settled;
    if (!answered) return;
    for (const channel of Object.values(this.#channels)) {
      if (isTls13 && channel.phase === 'plain') channel.phase = 'handshake';
    }
    if (unsupported === undefined) return;
    this.#tell('unsupported', this.#place);
    this.#note(TLS_NOTE.unsupported, unsupported, this.#place);
    this.drop('client', this.#place);
    this.drop('server', this.#place);
  }

  #alert(channel: Channel, body: Buffer): void {
    const words = describeAlert(body);
    if (words) this.#note(TLS_NOTE.alert, `${words} from the ${channel.from}`, this.#place);
  }

  #tellFound(): void {
    if (this.#told === undefined || this.#told === 'missing') this.#tell('found', this.#place);
  }

  #tell(keys: TlsInfo['keys'], place: Place): void {
    this.#told = keys;
    this.#sink.tls?.(this.#settled.info(keys), place);
  }

  /** Returns whether it was the first. */
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
