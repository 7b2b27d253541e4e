import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './child.js';
import type { Lab } from './lab.js';
import type { Target } from './target.js';
import { startTcpProxy } from './target-proxy.js';

const ANY_ADDRESS = fileURLToPath(new URL('any-address.cjs', import.meta.url));
/** An ordinary address, unlike those of loopback (RFC 5737). */
export const NAMED_ADDRESS = '198.51.100.7';

export interface DesktopNetwork {
  /** The start of a command line that runs a program in the network. It reaches the lab through Unix sockets only. */
  readonly wrapper: readonly string[];
}

export interface DesktopNetworkOptions {
  readonly desktop: Target;
  /** The ports of the desktop, whatever its own port is. */
  readonly ports: readonly number[];
  /** Names of `NAMED_ADDRESS`. Other names than these and `localhost` do not resolve. */
  readonly names: readonly string[];
}

/**
 * Makes a network and mount namespace in which every IP address is that of the desktop. The machine's own addresses, ports and
 * names are not affected.
 */
export async function startDesktopNetwork(
  lab: Lab,
  { desktop, ports, names }: DesktopNetworkOptions,
): Promise<DesktopNetwork> {
  const hosts = join(lab.folder, 'hosts');
  writeFileSync(hosts, ['127.0.0.1 localhost', ...names.map((name) => `${NAMED_ADDRESS} ${name}`), ''].join('\n'));
  const path = join(lab.folder, 'desktop.sock');
  await startTcpProxy(lab, { port: desktop.port, host: desktop.address }, { path });
  // With the routes of the type `local` the kernel takes every address for its own.
  const script = [
    'ip link set lo up',
    'ip -4 route add local default dev lo',
    'ip -6 route add local default dev lo',
    'mount --bind "$1" /etc/hosts',
    'shift',
    'exec "$@"',
  ].join(' && ');
  const holder = await startChild(
    lab,
    'unshare',
    ['--net', '--mount', 'sh', '-c', script, 'sh', hosts, process.execPath, ANY_ADDRESS, path, ...ports.map(String)],
    { ready: (child) => child.output().includes('ready') },
  );
  return { wrapper: ['nsenter', '--net', '--mount', '--target', `${holder.pid}`] };
}
