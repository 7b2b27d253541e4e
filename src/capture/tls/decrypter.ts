/** The current keys and sequence number of one direction. */
import { type Gap, NO_GAP, oneRecord, plus } from './gap.js';
import { createOpener } from './record-cipher.js';
import type { Opener } from './record-format.js';
import { keysFromTrafficSecret, nextTrafficSecret } from './schedule.js';
import type { Suite } from './suites.js';

/** Sequence numbers tried for the first record after a gap. One try takes 5 to 20 µs. */
export const MAX_SEQUENCE_TRIES = 256;
/** Sequence numbers tried in total for one direction. Bounds the time for a capture with many gaps. */
export const MAX_TOTAL_TRIES = 16_384;
/** Sequence numbers tried with the next keys. They start at 0 after a KeyUpdate, which may have been lost. */
const MAX_TRIES_NEXT_KEYS = 32;

/** A decrypted record. */
export interface Opened {
  /** As `Opener.open` returns it. */
  readonly content: Buffer;
  /** Bytes of content missing before this record; undefined when the number is unknown. */
  readonly missing: number | undefined;
}

/** Opens the records of one direction in order, and finds the sequence number again after lost records. */
export class Decrypter {
  readonly #suite: Suite;
  #opener: Opener;
  /** The current traffic secret; TLS 1.3 only. */
  #secret: Buffer | undefined;
  #sequence = 0;
  #loss = NO_GAP;
  #tries = MAX_TOTAL_TRIES;

  /** `secret` is the traffic secret of TLS 1.3; `opener` is for TLS 1.2. */
  constructor(suite: Suite, from: { secret: Buffer } | { opener: Opener }) {
    this.#suite = suite;
    this.#secret = 'secret' in from ? from.secret : undefined;
    this.#opener = 'secret' in from ? openerOf(suite, from.secret) : from.opener;
  }

  /** The sequence number of the next record; 0 when none was opened yet. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether records are missing before the next one. */
  get hasLoss(): boolean {
    return this.#loss.most > 0;
  }

  /** Adds to the records that are missing before the next one. */
  addLoss(loss: Gap): void {
    this.#loss = plus(this.#loss, loss);
  }

  /** Switches to the next keys after a KeyUpdate. TLS 1.3 only. */
  update(): void {
    if (!this.#secret) return;
    this.#secret = nextTrafficSecret(this.#suite, this.#secret);
    this.#opener = openerOf(this.#suite, this.#secret);
    this.#sequence = 0;
  }

  /** Opens the next record. A record that does not open counts as lost. */
  open(record: Buffer): Opened | undefined {
    if (this.#loss.most === 0) {
      const content = this.#opener.open(record, this.#sequence);
      if (content) {
        this.#sequence++;
        return { content, missing: 0 };
      }
    } else {
      const opened = this.#search(record) ?? this.#searchNextKeys(record);
      if (opened) {
        this.#loss = NO_GAP;
        return opened;
      }
    }
    this.addLoss(oneRecord(record.length));
    return undefined;
  }

  #search(record: Buffer): Opened | undefined {
    const { wire, least, most } = this.#loss;
    const last = Math.min(most, least + MAX_SEQUENCE_TRIES - 1);
    for (let skipped = least; skipped <= last && this.#tries-- > 0; skipped++) {
      const content = this.#opener.open(record, this.#sequence + skipped);
      if (!content) continue;
      this.#sequence += skipped + 1;
      if (skipped === 0) return { content, missing: 0 };
      const { overhead } = this.#opener;
      const missing = wire === undefined || overhead === undefined ? -1 : wire - skipped * overhead;
      return { content, missing: missing < 0 ? undefined : missing };
    }
    return undefined;
  }

  #searchNextKeys(record: Buffer): Opened | undefined {
    if (!this.#secret) return undefined;
    const secret = nextTrafficSecret(this.#suite, this.#secret);
    const opener = openerOf(this.#suite, secret);
    const last = Math.min(this.#loss.most, MAX_TRIES_NEXT_KEYS);
    for (let sequence = 0; sequence < last && this.#tries-- > 0; sequence++) {
      const content = opener.open(record, sequence);
      if (!content) continue;
      this.#secret = secret;
      this.#opener = opener;
      this.#sequence = sequence + 1;
      return { content, missing: undefined };
    }
    return undefined;
  }
}

function openerOf(suite: Suite, secret: Buffer): Opener {
  return createOpener(suite, keysFromTrafficSecret(suite, secret));
}
