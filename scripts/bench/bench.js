// Everything that the cells share: generators, relays, scripts and blocks.
import { join } from 'node:path';
import { buildLoad, Load } from './load.js';
import { makeIdentity, RELAYS, tokenFor } from './relays.js';
import { payloadOf, writeBlock, writeScript } from './traffic.js';

/** Gateways and relays have the first core, everybody else the next one. */
const OTHERS = 1;

export class Bench {
  /** Opens and feeds the sessions of bulk cells; its desktop is the first target. */
  bulk;
  /** Measures round trips beside it, with a process and a desktop of its own. */
  prober;
  #options;
  #folder;
  #program;
  #identity;
  #tokens;
  #files = new Map();

  constructor(options, folder) {
    this.#options = options;
    this.#folder = folder;
  }

  get seconds() {
    return this.#options.seconds;
  }

  get warmUp() {
    return this.#options.warmUp;
  }

  get quick() {
    return this.#options.quick;
  }

  async open() {
    this.#program = buildLoad(this.#folder);
    this.#identity = makeIdentity(this.#folder);
    this.bulk = await Load.start(this.#program, { core: OTHERS });
    this.prober = await Load.start(this.#program, { core: OTHERS, realtime: true });
    this.#tokens = this.#targets.map((port) => tokenFor(this.#identity, port));
  }

  get #targets() {
    return [this.bulk.port, this.prober.port];
  }

  /** `column` names a relay, the Node it runs in and how it is spoken to. */
  async start(column) {
    const running = await RELAYS[column.relay]({
      identity: this.#identity,
      program: this.#program,
      targets: this.#targets,
      node: column.node,
      serveArgs: this.#options.serveArgs,
    });
    return { ...running, ...column };
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

  #file(name, write) {
    const known = this.#files.get(name);
    if (known) return known;
    const file = write(join(this.#folder, name));
    this.#files.set(name, file);
    return file;
  }
}
