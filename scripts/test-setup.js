// Installs what the end-to-end tests need on Debian 12: Debian packages and a chroot with a newer FreeRDP. It runs
// before every `npm test`; when everything is installed, it prints nothing and takes well under a second.
// With --where it also prints the path of the chroot.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { canInstall, installPackages, isRoot, missingPackages, run, SetupError } from './debian.js';

/** Each package with its purpose in the tests. */
const PACKAGES = [
  'freerdp2-x11', // xfreerdp 2.11.7, a client
  'freerdp2-shadow-x11', // freerdp-shadow-cli, a target
  'xrdp', // a target
  'xorgxrdp', // the X server of xrdp's sessions
  'xvfb', // the displays of the clients and of the shadow target
  'imagemagick', // convert, display, import, compare
  'openssl', // certificates that do not come from rdgw's own code
  'debootstrap', // creates the chroot of the newer FreeRDP
  'debian-archive-keyring', // trixie's keys, for debootstrap
  'python3', // receives the systemd notifications of the gateway on a datagram socket
  'passwd', // useradd, userdel, chpasswd
  'systemd', // systemd-notify, systemd-analyze; no service of it is started
  'tshark', // also installs dumpcap, which records the traffic of clients and gateways
  'util-linux', // setpriv, unshare, prlimit
  'x11-apps', // ico, an animation that changes the screen all the time
  'iproute2', // ip, for the network namespaces of the soak
  'faketime', // steps the clock in the soak
  'nginx', // this and the next four are the proxies of examples/proxies; only the lab starts them
  'libnginx-mod-stream',
  'haproxy',
  'apache2-bin',
  'caddy',
  'xauth', // xrdp protects the display of a session with it
];

/**
 * The number at the end is the version of the recipe. Increase it when the recipe changes, to rebuild existing chroots.
 */
const CHROOT = 'freerdp3-trixie-1';

const cache = resolve(process.env.RDGW_TEST_CACHE || join(homedir(), '.cache', 'rdgw-test'));
const chroot = join(cache, CHROOT);
const chrootComplete = () => existsSync(join(chroot, 'usr/bin/xfreerdp3'));

try {
  const missing = missingPackages(PACKAGES);
  // The tests need root: the lab enters a chroot, creates an account and mounts its own files over those of xrdp.
  if (missing.length > 0 || !chrootComplete() || !isRoot) {
    requireInstallable(missing);
    if (missing.length > 0) installPackages(missing);
    if (!chrootComplete()) makeChroot();
  }
  if (process.argv.includes('--where')) process.stdout.write(`${chroot}\n`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  print(error.message);
  process.exitCode = 1;
}

/** Throws a `SetupError` that lists what is missing, unless packages can be installed on this machine. */
function requireInstallable(packages) {
  if (canInstall()) return;
  const missing = [
    ...(isRoot ? [] : ['root']),
    ...(packages.length > 0 ? [`the Debian packages ${packages.join(' ')}`] : []),
    ...(chrootComplete() ? [] : [`FreeRDP 3 in ${chroot}`]),
  ];
  const hint = 'run npm test as root on Debian 12, or npm run test:unit, which needs none of it';
  throw new SetupError(`error: the end-to-end tests need ${missing.join(', ')}; ${hint}`);
}

/**
 * Builds the chroot in a folder beside its final path and renames it when complete, so that no run uses a partial one.
 */
function makeChroot() {
  print(`creating ${chroot} (FreeRDP 3, about a minute)`);
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const owner = /\.partial-(\d+)$/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) removeTree(join(cache, name));
  }
  removeTree(chroot);
  const partial = `${chroot}.partial-${process.pid}`;
  removeTree(partial);
  run('debootstrap', ['--variant=minbase', 'trixie', partial]);
  // Without this file `localhost` needs a DNS server. With ::1 in it, FreeRDP 3 tries only IPv6.
  writeFileSync(join(partial, 'etc/hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(partial, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  run('chroot', [partial, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'freerdp3-x11']);
  run('chroot', [partial, 'apt-get', 'clean']);
  unmountBelow(partial);
  try {
    renameSync(partial, chroot);
  } catch (error) {
    // A concurrent run may have created the chroot first; it is equivalent.
    removeTree(partial);
    if (!chrootComplete()) throw error;
  }
}

/** INVARIANT: nothing is removed below a mount point. A debootstrap that was killed leaves /proc and /sys mounted. */
function removeTree(folder) {
  if (!existsSync(folder)) return;
  unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true });
}

function unmountBelow(folder) {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1])
    .filter((point) => point?.startsWith(`${folder}/`));
  for (const point of points.reverse()) execFileSync('umount', [point]);
}

function print(text) {
  process.stderr.write(`test set-up: ${text}\n`);
}
