/** Above 2^31 nothing is gained, and 0 is no channel id that Windows clients take. */
const MAX_ID = 0x7fffffff;

/** Which ids are ours: every `step`th one from `first` on, so that the processes of one gateway never choose the same. */
export interface IdShare {
  /** From 1 to `step`. */
  readonly first: number;
  readonly step: number;
}

/** Ids of tunnels and channels; after the last one they begin anew. */
export class Ids {
  readonly #share: IdShare;
  #next: number;

  constructor(share: IdShare) {
    this.#share = share;
    this.#next = share.first;
  }

  next(): number {
    const { first, step } = this.#share;
    const id = this.#next;
    this.#next = id > MAX_ID - step ? first : id + step;
    return id;
  }
}
