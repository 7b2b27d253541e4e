import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The local sockets where workers reach one another, in a folder that is its owner's alone. */
export class SocketFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rdgw-'));
  readonly #addresses = new Map<number, string>();
  #taken = 0;

  /** A new address for a worker: one that was used may still be there, held by nobody. */
  take(worker: number): string {
    const path = join(this.#folder, `${++this.#taken}.sock`);
    // Windows has named pipes in place of such sockets; the folder's random name keeps them apart.
    const address = process.platform === 'win32' ? `\\\\.\\pipe\\${path}` : path;
    this.#addresses.set(worker, address);
    return address;
  }

  of(worker: number): string | undefined {
    return this.#addresses.get(worker);
  }

  release(worker: number): void {
    const address = this.#addresses.get(worker);
    this.#addresses.delete(worker);
    if (address !== undefined && process.platform !== 'win32') rmSync(address, { force: true });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
