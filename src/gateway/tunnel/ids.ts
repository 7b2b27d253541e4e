/** Ids stay below 2^31. 0 is not used: Windows clients do not accept it as a channel id. */
const MAX_ID = 0x7fffffff;

/**
 * The ids of one process: every `step`th one from `first` on, so that the processes of one gateway never choose the
 * same id.
 */
export interface IdShare {
  /** From 1 to `step`. */
  readonly first: number;
  readonly step: number;
}

/** Allocates the ids of tunnels and channels. After the last id it starts again with the first. */
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
