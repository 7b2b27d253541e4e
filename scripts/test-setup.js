// Makes a Debian 12 machine able to run the end-to-end tests: Debian packages and a chroot with a newer FreeRDP.
// It runs before every `npm test`, so it is silent and takes well under a second once everything is there.
// With --where it also prints the folder of the chroot.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { canInstall, installPackages, isRoot, missingPackages, run, SetupError } from './debian.js';

/** Each with the program that the lab runs from it. */
const PACKAGES = [
  'freerdp2-x11', // xfreerdp 2.11.7, a client
  'freerdp2-shadow-x11', // freerdp-shadow-cli, a target
  'xrdp', // a target
  'xorgxrdp', // the X server of xrdp's sessions
  'xvfb', // the displays of the clients and of the shadow target
  'imagemagick', // convert, display, import, compare
  'openssl', // certificates that our own code did not make
  'debootstrap', // the chroot of the newer FreeRDP
  'debian-archive-keyring', // trixie's keys, for debootstrap
  'python3', // a datagram socket, for what the gateway tells systemd
  'passwd', // useradd, userdel, chpasswd
  'systemd', // systemd-notify, systemd-analyze: nothing of it is started
  'tshark', // with it dumpcap, which records what clients and gateways say
  'util-linux', // setpriv, unshare, prlimit
  'x11-apps', // ico, which never stands still
  'iproute2', // ip, for networks of the soak's own
  'faketime', // a clock that the soak may step
  'xauth', // xrdp guards the display of a session with it
];

/** The name counts the recipe: raise it when the recipe changes, and every machine makes the chroot anew. */
const CHROOT = 'freerdp3-trixie-1';

const cache = resolve(process.env.RDGW_TEST_CACHE || join(homedir(), '.cache', 'rdgw-test'));
const chroot = join(cache, CHROOT);
const chrootComplete = () => existsSync(join(chroot, 'usr/bin/xfreerdp3'));

try {
  const missing = missingPackages(PACKAGES);
  // The lab enters a chroot, makes an account and hides files of xrdp behind its own.
  if (missing.length > 0 || !chrootComplete() || !isRoot) {
    refuseWhereWeCannotInstall(missing);
    if (missing.length > 0) installPackages(missing);
    if (!chrootComplete()) makeChroot();
  }
  if (process.argv.includes('--where')) process.stdout.write(`${chroot}\n`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}

/** Only root on Debian 12 is set up without being asked; anyone else is told in one line what is missing. */
function refuseWhereWeCannotInstall(packages) {
  if (canInstall()) return;
  const wanted = [
    ...(isRoot ? [] : ['root']),
    ...(packages.length > 0 ? [`the Debian packages ${packages.join(' ')}`] : []),
    ...(chrootComplete() ? [] : [`FreeRDP 3 in ${chroot}`]),
  ];
  const hint = 'run npm test as root on Debian 12, or npm run test:unit, which needs none of it';
  throw new SetupError(`error: the end-to-end tests need ${wanted.join(', ')}; ${hint}`);
}

/** Built in a folder beside its place and renamed when complete, so that a half-made one is never taken for a whole one. */
function makeChroot() {
  say(`making ${chroot} (FreeRDP 3, about a minute)`);
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const owner = /\.partial-(\d+)$/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) removeTree(join(cache, name));
  }
  removeTree(chroot);
  const partial = `${chroot}.partial-${process.pid}`;
  removeTree(partial);
  run('debootstrap', ['--variant=minbase', 'trixie', partial]);
  // Without it `localhost` would be a question for a name server; with ::1 in it, FreeRDP 3 would try nothing else.
  writeFileSync(join(partial, 'etc/hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(partial, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  run('chroot', [partial, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'freerdp3-x11']);
  run('chroot', [partial, 'apt-get', 'clean']);
  unmountBelow(partial);
  try {
    renameSync(partial, chroot);
  } catch (error) {
    // Another run may have been first; theirs is as good.
    removeTree(partial);
    if (!chrootComplete()) throw error;
  }
}

/** INVARIANT: nothing is removed below a mount point; a debootstrap that was killed leaves /proc and /sys mounted. */
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

function say(text) {
  process.stderr.write(`test set-up: ${text}\n`);
}
