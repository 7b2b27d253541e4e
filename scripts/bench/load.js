// Controls the load generator (load/*.c): the clients of a relay and the desktop behind it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, run } from './program.js';

const SOURCES = fileURLToPath(new URL('load/', import.meta.url));

/** Compiles the generator into a folder and returns the path of the program. */
export function buildLoad(folder) {
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  const program = join(folder, 'load');
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE'];
  run('gcc', [...flags, '-o', program, ...sources.map((name) => join(SOURCES, name)), '-lssl', '-lcrypto']);
  return program;
}

/** Bytes were corrupted or a session was lost, so the figures of the run are invalid. */
export class InvalidRunError extends Error {}

export class Load {
  #program;

  /**
   * `tls` has the paths of a certificate and its key: with them the desktop is a TLS server that clients reach without
   * a relay. `port` of the result is the desktop's.
   */
  static async start(program, { core, priority, tls = [] }) {
    const load = new Load();
    load.#program = new Program(program, tls, { core, priority });
    load.port = Number(await load.#program.readLine());
    return load;
  }

  get pid() {
    return this.#program.pid;
  }

  /** Opens sessions one after the other. They send nothing before `go`. */
  open(role, count, { port, script, block = '-' }) {
    return this.#run(`open ${role} ${count} ${port} ${script} ${block}`);
  }

  /** Opens sessions and closes each as soon as its channel is open, `parallel` at a time, until `close`. */
  churn(parallel, { port, script, resume }) {
    return this.#run(`churn ${parallel} ${port} ${script} ${resume ? 1 : 0}`);
  }

  /**
   * Takes the ids of two processes that share the port. The first one gets the OUT channel of each new session, the
   * second one the IN channel. Without ids the kernel chooses.
   */
  pinChannels([out = 0, inward = 0] = []) {
    return this.#run(`pin ${out} ${inward}`);
  }

  /** Sets the role of the connections that the desktop accepts from now on. */
  role(role, block = '-') {
    return this.#run(`role ${role} ${block}`);
  }

  /** Starts the traffic. */
  go() {
    return this.#run('go');
  }

  /** Makes `count` round trips on one session after the other; each sends the complete block. */
  roundTrips(count, block) {
    return this.#run(`trips ${count} ${block}`);
  }

  /** Whether sessions that are opened from now on compare every received byte with what was sent. */
  verify(on) {
    return this.#run(`verify ${on ? 1 : 0}`);
  }

  /** Whether the desktop is in another generator process. */
  remoteDesktop(on) {
    return this.#run(`remote ${on ? 1 : 0}`);
  }

  /**
   * The counters since the start, and the round trip times since the last mark. Throws an `InvalidRunError` if bytes
   * were corrupted or a session was lost.
   */
  async mark() {
    const counters = JSON.parse(await this.#request('mark'));
    if (counters.wrong > 0) throw new InvalidRunError('received bytes differ from those sent');
    if (counters.lost > 0) throw new InvalidRunError('a session was lost');
    return counters;
  }

  /** Closes all sessions. */
  close() {
    return this.#run('close');
  }

  stop() {
    return this.#program.stop();
  }

  async #run(command) {
    const answer = await this.#request(command);
    if (answer !== 'ok') throw new InvalidRunError(`a session was lost (${command.split(' ')[0]})`);
  }

  #request(command) {
    this.#program.writeLine(command);
    return this.#program.readLine();
  }
}
