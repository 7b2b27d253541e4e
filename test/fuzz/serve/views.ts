/** Views that a reader hands out are the receiver's: nothing may be moved over them later. */
export class Views {
  readonly #taken: { readonly view: Buffer; readonly copy: Buffer }[] = [];

  take(view: Buffer): void {
    this.#taken.push({ view, copy: Buffer.from(view) });
  }

  /** All of it joined. Throws when something was overwritten since. */
  joined(): Buffer {
    if (this.#taken.some(({ view, copy }) => !view.equals(copy)))
      throw new Error('bytes change after they were handed out');
    return Buffer.concat(this.#taken.map(({ copy }) => copy));
  }
}
