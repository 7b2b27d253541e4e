/** Collects the views that a reader returns and checks that the reader does not overwrite them later. */
export class Views {
  readonly #views: { readonly view: Buffer; readonly copy: Buffer }[] = [];

  add(view: Buffer): void {
    this.#views.push({ view, copy: Buffer.from(view) });
  }

  /** Returns the concatenated views. Throws if one was overwritten. */
  concat(): Buffer {
    if (this.#views.some(({ view, copy }) => !view.equals(copy)))
      throw new Error('a view changed after it was returned');
    return Buffer.concat(this.#views.map(({ copy }) => copy));
  }
}
