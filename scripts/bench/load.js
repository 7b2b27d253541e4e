// The load generator, built from load/*.c: clients on one side, the desktop behind the gateway on the other.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, run } from './program.js';

const SOURCES = fileURLToPath(new URL('load/', import.meta.url));

/** Compiles it into a folder. */
export function buildLoad(folder) {
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  const program = join(folder, 'load');
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE'];
  run('gcc', [...flags, '-o', program, ...sources.map((name) => join(SOURCES, name)), '-lssl', '-lcrypto']);
  return program;
}

/** What came through is not what was sent, or a session ended: no figure of such a run means anything. */
export class Broken extends Error {}

export class Load {
  #program;

  /** `certificate` and `key` make the desktop a TLS server, to be reached without a relay. `port` is the desktop's. */
  static async start(program, { core, priority, tls = [] }) {
    const load = new Load();
    load.#program = new Program(program, tls, { core, priority });
    load.port = Number(await load.#program.line());
    return load;
  }

  get pid() {
    return this.#program.pid;
  }

  /** Opens sessions one after the other; nothing moves before `go`. */
  open(role, count, { port, script, block = '-' }) {
    return this.#ask(`open ${role} ${count} ${port} ${script} ${block}`);
  }

  /** Opens sessions and leaves them, `parallel` at a time, until `close`. */
  churn(parallel, { port, script, resume }) {
    return this.#ask(`churn ${parallel} ${port} ${script} ${resume ? 1 : 0}`);
  }

  /** Two processes share the port: one gets the first leg of each session, the other one the second. Without them chance decides. */
  land([first = 0, second = 0] = []) {
    return this.#ask(`land ${first} ${second}`);
  }

  role(role, block = '-') {
    return this.#ask(`role ${role} ${block}`);
  }

  go() {
    return this.#ask('go');
  }

  /** Round trips on one session after the other, each with all of the block. */
  pulse(times, block) {
    return this.#ask(`pulse ${times} ${block}`);
  }

  /** Compares every byte with what was sent, from the next session on. */
  verify(on) {
    return this.#ask(`verify ${on ? 1 : 0}`);
  }

  /** The desktop is another generator. */
  elsewhere(on) {
    return this.#ask(`elsewhere ${on ? 1 : 0}`);
  }

  /** Counters since the start, and the round trips since the last mark. */
  async mark() {
    const counters = JSON.parse(await this.#send('mark'));
    if (counters.wrong > 0) throw new Broken('bytes came through that were not sent');
    if (counters.lost > 0) throw new Broken('a session was lost');
    return counters;
  }

  close() {
    return this.#ask('close');
  }

  stop() {
    return this.#program.stop();
  }

  async #ask(command) {
    const answer = await this.#send(command);
    if (answer !== 'ok') throw new Broken(`a session was lost (${command.split(' ')[0]})`);
  }

  #send(command) {
    this.#program.say(command);
    return this.#program.line();
  }
}
