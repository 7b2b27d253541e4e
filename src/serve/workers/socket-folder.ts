import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The local sockets over which workers forward channels to one another, in a folder that only its owner can access. */
export class SocketFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rdgw-'));
  readonly #addresses = new Map<number, string>();
  #lastNumber = 0;

  /** A new address for a worker: the socket file of a former one may still exist. */
  allocate(worker: number): string {
    const path = join(this.#folder, `${++this.#lastNumber}.sock`);
    // Windows has named pipes in place of such sockets; the folder's random name keeps them apart.
    const address = process.platform === 'win32' ? `\\\\.\\pipe\\${path}` : path;
    this.#addresses.set(worker, address);
    return address;
  }

  addressOf(worker: number): string | undefined {
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
