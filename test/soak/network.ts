/** Networks of the soak's own: cables that can be cut, and a resolver that never answers. Only inside the launcher's namespace. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.js';
import { runProgram } from '../lab/program.js';

export interface Cable {
  /** Addresses of its two ends, ours and the one of the process. */
  readonly here: string;
  readonly there: string;
  /** From now on every packet is lost, and nobody is told. */
  cut(): Promise<void>;
}

let cables = 0;

/** A cable between us and a process that has a network of its own. */
export async function layCable(pid: number): Promise<Cable> {
  cables += 1;
  const [ours, theirs] = [`soak${cables}`, `far${cables}`];
  const [here, there] = [`10.199.${cables}.1`, `10.199.${cables}.2`];
  await runProgram('ip', ['link', 'add', ours, 'type', 'veth', 'peer', 'name', theirs, 'netns', `${pid}`]);
  await runProgram('ip', ['address', 'add', `${here}/24`, 'dev', ours]);
  await runProgram('ip', ['link', 'set', ours, 'up']);
  const inside = ['--net', '--target', `${pid}`, 'ip'];
  await runProgram('nsenter', [...inside, 'address', 'add', `${there}/24`, 'dev', theirs]);
  await runProgram('nsenter', [...inside, 'link', 'set', theirs, 'up']);
  return { here, there, cut: () => runProgram('ip', ['link', 'set', ours, 'down']).then(() => undefined) };
}

const DNS_PORT = 53;

export interface SilentResolver {
  /** Starts a program that asks this resolver for every name that is not in /etc/hosts. */
  readonly through: readonly string[];
  questions(): number;
}

export async function silentResolver(lab: Lab): Promise<SilentResolver> {
  const resolver = createSocket('udp4');
  let questions = 0;
  resolver.on('message', () => {
    questions++;
  });
  resolver.bind(DNS_PORT, '127.0.0.1');
  await once(resolver, 'listening');
  lab.onClose(() => void resolver.close());
  const conf = join(lab.folder, 'resolv.conf');
  writeFileSync(conf, 'nameserver 127.0.0.1\n');
  return {
    through: ['unshare', '--mount', 'sh', '-c', `mount --bind ${conf} /etc/resolv.conf && exec "$@"`, 'sh'],
    questions: () => questions,
  };
}
