/** The keys of one direction in use, and where in their sequence it is. */
import { type Gap, NO_GAP, oneRecord, plus } from './gap.js';
import { createOpener } from './record-cipher.js';
import type { Opener } from './record-opener.js';
import { keysFromTrafficSecret, nextTrafficSecret } from './schedule.js';
import type { Suite } from './suites.js';

/** Sequence numbers tried for the first record after a gap; at 5 to 20 us each. */
export const MAX_SEQUENCE_TRIES = 256;
/** Sequence numbers tried over the life of one direction: a capture that is all gaps does not hang us. */
export const MAX_TRIES_IN_ALL = 16_384;
/** After a lost KeyUpdate the sequence starts anew; records lost behind it are guessed up to here. */
const MAX_TRIES_NEXT_KEYS = 32;

export interface Opened {
  /** As `Opener.open` returns it. */
  readonly content: Buffer;
  /** What was missing before this record: bytes of content (undefined: unknown), 0 for nothing. */
  readonly missing: number | undefined;
}

export class Decrypter {
  readonly #suite: Suite;
  #opener: Opener;
  /** TLS 1.3 only. */
  #secret: Buffer | undefined;
  #sequence = 0;
  #loss = NO_GAP;
  #tries = MAX_TRIES_IN_ALL;

  /** `secret` is the traffic secret of TLS 1.3; for TLS 1.2 comes a ready opener. */
  constructor(suite: Suite, from: { secret: Buffer } | { opener: Opener }) {
    this.#suite = suite;
    this.#secret = 'secret' in from ? from.secret : undefined;
    this.#opener = 'secret' in from ? openerOf(suite, from.secret) : from.opener;
  }

  /** The sequence number of the next record; 0 when none has been opened. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether records are missing before the next one. */
  get lossy(): boolean {
    return this.#loss.most > 0;
  }

  /** Records are missing before the next one. */
  lose(loss: Gap): void {
    this.#loss = plus(this.#loss, loss);
  }

  /** TLS 1.3: what follows is under the next keys (KeyUpdate). */
  update(): void {
    if (!this.#secret) return;
    this.#secret = nextTrafficSecret(this.#suite, this.#secret);
    this.#opener = openerOf(this.#suite, this.#secret);
    this.#sequence = 0;
  }

  /** Opens the next record, the first behind what was lost; one that does not open counts as lost itself. */
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
    this.lose(oneRecord(record.length));
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
