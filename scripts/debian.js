// Debian packages for the scripts that need other people's programs: which are missing, and how they come without starting anything.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_MARK = '# Put here by the test set-up of rdgw while it installs packages.';

/** Ends a set-up with what a person should read. */
export class SetupError extends Error {}

export const isRoot = process.getuid?.() === 0;

/** Only root on Debian 12 is set up without being asked. */
export function canInstall() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const isDebian12 = /^ID=debian$/m.test(release) && /^VERSION_ID="12"$/m.test(release);
  return isRoot && isDebian12;
}

export function missingPackages(packages) {
  const asked = spawnSync('dpkg-query', ['-W', '-f', `\${Package} \${db:Status-Status}\n`, ...packages], {
    encoding: 'utf8',
  });
  const installed = new Set(
    (asked.stdout ?? '')
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return packages.filter((name) => !installed.has(name));
}

export function installPackages(packages) {
  process.stderr.write(`installing Debian packages: ${packages.join(' ')}\n`);
  withoutStartingServices(() => {
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
  });
}

/** Installing xrdp would start it on every address of the machine; the lab starts its own on loopback. */
function withoutStartingServices(install) {
  const foreign = existsSync(POLICY) && !readFileSync(POLICY, 'utf8').includes(POLICY_MARK);
  if (!foreign) writeFileSync(POLICY, `#!/bin/sh\n${POLICY_MARK}\nexit 101\n`, { mode: 0o755 });
  // An interrupt ends apt-get, which then fails here like any other failure, instead of ending us before we tidied up.
  const stay = () => undefined;
  process.on('SIGINT', stay).on('SIGTERM', stay);
  try {
    install();
  } finally {
    process.off('SIGINT', stay).off('SIGTERM', stay);
    if (!foreign) rmSync(POLICY, { force: true });
  }
}

/** Runs a program without stdin; its output is shown only when it fails. */
export function run(program, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const done = spawnSync(program, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (done.status === 0) return;
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim().split('\n').slice(-20).join('\n');
  const cause = done.error ? `: ${done.error.message}` : '';
  throw new SetupError(`${output}\nerror: ${[program, ...args].join(' ')} failed${cause}`);
}
