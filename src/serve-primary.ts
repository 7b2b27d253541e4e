/**
 * `rdgw serve` on more than one core. This process serves nobody: it starts the workers, keeps what is common to them, and
 * passes on what it is told. They share one listening socket, and the system chooses who accepts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from './config/schema.js';
import { newSecret } from './gateway/crossing.js';
import { Ledger } from './gateway/ledger.js';
import { createLog } from './gateway/log.js';
import { ensureKeys, type ServeOptions, type Serving } from './serve.js';
import { keepBooks } from './serve-commons.js';
import type { Duty } from './serve-worker.js';
import { Workforce } from './serve-workforce.js';

/** Closing: a custom authenticator lets go of what it holds. The same again is what settling may take beside its own times. */
const CLOSE_MS = 10_000;

/** How many processes are to serve. */
export function workerCount({ workers }: Pick<Config, 'workers'>): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** Starts so many workers. Throws the `Fault` of the first one that cannot start. */
export async function serveWithWorkers({ config, dataDir, writeLog }: ServeOptions, count: number): Promise<Serving> {
  const log = createLog({ ...config.log, write: writeLog });
  // Before there are several processes that would make them at one time.
  const { own } = await ensureKeys(config, dataDir);
  const ledger = new Ledger(config.limits);
  const secret = newSecret();
  const sockets = new SocketFolder();
  const workforce = new Workforce({
    count,
    log,
    hired(wire, number) {
      const commons = { ids: { first: number, step: count }, crossing: { address: sockets.take(number), secret } };
      const duty: Duty = { number, config, commons, announces: !workforce.complete && number === 1 };
      wire.on('hello', async () => {
        if (number > 1) await workforce.first;
        return duty;
      });
      keepBooks(wire, ledger, number, (other) => sockets.of(other));
    },
    gone(number) {
      sockets.giveBack(number);
      return ledger.close(number);
    },
  });
  // Whatever ends this process, a second signal too: nothing of it stays behind.
  process.once('exit', () => {
    workforce.kill();
    sockets.remove();
  });
  const { name, port, ca } = await workforce.start();
  return {
    gateway: {
      get tunnels() {
        return ledger.places;
      },
      async drain(ms) {
        const { close } = config.timeouts;
        workforce.retire();
        // Who has no session left still answers newcomers, until the last session of all has ended.
        await workforce.command('settle', ms, ms + 2 * close * 1000 + CLOSE_MS);
        await workforce.command('close', undefined, CLOSE_MS);
        await workforce.dismiss();
      },
    },
    log,
    name,
    port,
    ca,
    made: own?.made ?? [],
  };
}

/** The local sockets where workers reach one another, in a folder that is its owner's alone. */
class SocketFolder {
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

  giveBack(worker: number): void {
    const address = this.#addresses.get(worker);
    this.#addresses.delete(worker);
    if (address !== undefined && process.platform !== 'win32') rmSync(address, { force: true });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
