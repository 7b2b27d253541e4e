// Everything that the cells share: generators, relays, scripts and blocks.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Broken, buildLoad, Load } from './load.js';
import { makeIdentity, RELAYS, tokenFor } from './relays.js';
import { payloadOf, writeBlock, writeScript } from './traffic.js';

/** A round trip is measured when it comes back, not when whoever else is on that core lets go of it. */
const AT_ONCE = ['-f', '50'];
/** For everybody else on a machine that is shared: those who build and test meanwhile wait for the length of a look. */
const BEFORE_OTHERS = ['-r', '1'];

export class Bench {
  /** Opens and feeds the sessions of bulk cells; its desktop is the first target. */
  bulk;
  /** Measures round trips beside it, with a process and a desktop of its own. */
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
    this.prober = await Load.start(this.#program, { core: loadCore, priority: AT_ONCE });
    this.#tokens = this.#targets.map((port) => tokenFor(this.#identity, port));
  }

  get #priority() {
    return this.options.realtime ? BEFORE_OTHERS : undefined;
  }

  get #targets() {
    return [this.bulk.port, this.prober.port];
  }

  /** One repetition of a cell in one relay. Relays stay up for the whole run, unless the cell wants a fresh one each time. */
  async figures(cell, column, how) {
    const known = cell.fresh ? undefined : this.#running.get(column.process);
    const running = known ?? (await this.#start(column));
    if (!cell.fresh) this.#running.set(column.process, running);
    try {
      return await cell.run(this, { ...running, ...column }, how);
    } catch (error) {
      if (error instanceof Broken) error.message = `${cell.name}, ${column.name}: ${error.message}`;
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

  /** Through a relay to the desktop of the bulk generator (0) or the prober (1). */
  way({ transport, ports }, index) {
    const session = { token: this.#tokens[index], host: '127.0.0.1', port: this.#targets[index] };
    const script = this.#file(`script-${transport}-${index}`, (file) => writeScript(file, transport, session));
    return { port: ports[index], script };
  }

  /** PDUs of `payload` bytes each. */
  block({ transport }, payload, count) {
    return this.#file(`block-${transport}-${payload}-${count}`, (file) => writeBlock(file, transport, payload, count));
  }

  /** PDUs whose frames have `size` bytes. */
  frames(relay, size) {
    return this.block(relay, payloadOf(size));
  }

  /** Ends the sessions of a generator; they need a moment to be gone everywhere. */
  async finish(load) {
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
