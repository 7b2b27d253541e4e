// The state shared by the cells of a run: load generators, running relays, script and block files.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildLoad, InvalidRunError, Load } from './load.js';
import { makeIdentity, RELAYS, tokenFor } from './relays.js';
import { payloadOf, writeBlock, writeScript } from './traffic.js';

/** Arguments of chrt. Without them latencies would include the time slices of other processes. */
const PROBER_PRIORITY = ['-f', '50'];
/**
 * Arguments of chrt for `--realtime`, for a shared machine: other processes on the core wait until a window has ended.
 */
const REALTIME_PRIORITY = ['-r', '1'];

export class Bench {
  /** The generator for bulk data. Its desktop is the first target. */
  bulk;
  /** The generator for round trips, a separate process. Its desktop is the second target. */
  prober;
  options;
  #folder;
  #program;
  #identity;
  #tokens;
  #files = new Map();
  #running = new Map();

  constructor(options, folder) {
    this.options = options;
    this.#folder = folder;
  }

  async open() {
    const { loadCore } = this.options;
    this.#program = buildLoad(this.#folder);
    this.#identity = makeIdentity(this.#folder);
    this.bulk = await Load.start(this.#program, { core: loadCore, priority: this.#priority });
    this.prober = await Load.start(this.#program, { core: loadCore, priority: PROBER_PRIORITY });
    this.#tokens = this.#targets.map((port) => tokenFor(this.#identity, port));
  }

  get #priority() {
    return this.options.realtime ? REALTIME_PRIORITY : undefined;
  }

  get #targets() {
    return [this.bulk.port, this.prober.port];
  }

  /** Runs one repetition of a cell in one relay. Relays run until the end, except those of `fresh` cells. */
  async measure(cell, column, options) {
    const known = cell.fresh ? undefined : this.#running.get(column.process);
    const running = known ?? (await this.#start(column));
    if (!cell.fresh) this.#running.set(column.process, running);
    try {
      return await cell.run(this, { ...running, ...column }, options);
    } catch (error) {
      if (error instanceof InvalidRunError) error.message = `${cell.name}, ${column.name}: ${error.message}`;
      throw error;
    } finally {
      if (cell.fresh) await running.stop();
    }
  }

  #start({ relay, node }) {
    return RELAYS[relay]({
      identity: this.#identity,
      program: this.#program,
      targets: this.#targets,
      node,
      core: this.options.relayCores,
      priority: this.#priority,
      serveArgs: this.options.serveArgs,
    });
  }

  /** Port and script of a session to the desktop of the bulk generator (index 0) or the prober (index 1). */
  route({ transport, ports }, index) {
    const session = { token: this.#tokens[index], host: '127.0.0.1', port: this.#targets[index] };
    const script = this.#file(`script-${transport}-${index}`, (file) => writeScript(file, transport, session));
    return { port: ports[index], script };
  }

  /** The block file of DATA PDUs with `payload` bytes each. */
  block({ transport }, payload, count) {
    return this.#file(`block-${transport}-${payload}-${count}`, (file) => writeBlock(file, transport, payload, count));
  }

  /** The block file of DATA PDUs whose frames have `size` bytes each. */
  frames(relay, size) {
    return this.block(relay, payloadOf(size));
  }

  /** Checks the counters of a generator, closes its sessions, and waits until the relay has closed them as well. */
  async closeSessions(load) {
    await load.mark();
    await load.close();
    await sleep(this.options.settle * 1000);
  }

  #file(name, write) {
    const known = this.#files.get(name);
    if (known) return known;
    const file = write(join(this.#folder, name));
    this.#files.set(name, file);
    return file;
  }
}
