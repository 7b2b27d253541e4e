/** Network faults: links that can be cut, and a silent DNS server. They need the namespace of scripts/soak.js. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.js';
import { runProgram } from '../lab/program.js';

export interface Link {
  /** The addresses of its two ends: in the network of the test, and in that of the process. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** From now on all packets are lost. Neither end gets an error. */
  cut(): Promise<void>;
}

let links = 0;

/** Adds a veth pair between the test and a process with its own network namespace. */
export async function addLink(pid: number): Promise<Link> {
  links += 1;
  const [local, remote] = [`soak${links}`, `peer${links}`];
  const [localAddress, remoteAddress] = [`10.199.${links}.1`, `10.199.${links}.2`];
  await runProgram('ip', ['link', 'add', local, 'type', 'veth', 'peer', 'name', remote, 'netns', `${pid}`]);
  await runProgram('ip', ['address', 'add', `${localAddress}/24`, 'dev', local]);
  await runProgram('ip', ['link', 'set', local, 'up']);
  const inNamespace = ['--net', '--target', `${pid}`, 'ip'];
  await runProgram('nsenter', [...inNamespace, 'address', 'add', `${remoteAddress}/24`, 'dev', remote]);
  await runProgram('nsenter', [...inNamespace, 'link', 'set', remote, 'up']);
  const cut = (): Promise<void> => runProgram('ip', ['link', 'set', local, 'down']).then(() => undefined);
  return { localAddress, remoteAddress, cut };
}

const DNS_PORT = 53;

export interface SilentResolver {
  /** The start of a command line that runs a program with this resolver for all names that are not in /etc/hosts. */
  readonly wrapper: readonly string[];
  queries(): number;
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
    wrapper: ['unshare', '--mount', 'sh', '-c', `mount --bind ${conf} /etc/resolv.conf && exec "$@"`, 'sh'],
    queries: () => questions,
  };
}
