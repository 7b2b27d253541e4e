// Finds missing Debian packages and installs them without starting their services.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_MARK = '# Put here by the test set-up of rdgw while it installs packages.';

/** A set-up failed; the message is meant for the user. */
export class SetupError extends Error {}

export const isRoot = process.getuid?.() === 0;

/** Packages are installed without asking only for root on Debian 12. */
export function canInstall() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const isDebian12 = /^ID=debian$/m.test(release) && /^VERSION_ID="12"$/m.test(release);
  return isRoot && isDebian12;
}

export function missingPackages(packages) {
  const query = spawnSync('dpkg-query', ['-W', '-f', `\${Package} \${db:Status-Status}\n`, ...packages], {
    encoding: 'utf8',
  });
  const installed = new Set(
    (query.stdout ?? '')
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

/** The xrdp package would start xrdp on every address of the machine. The lab starts its own xrdp on loopback. */
function withoutStartingServices(install) {
  const foreign = existsSync(POLICY) && !readFileSync(POLICY, 'utf8').includes(POLICY_MARK);
  if (!foreign) writeFileSync(POLICY, `#!/bin/sh\n${POLICY_MARK}\nexit 101\n`, { mode: 0o755 });
  // A signal ends apt-get, and `run` throws. This process must survive it to remove the policy file.
  const ignore = () => undefined;
  process.on('SIGINT', ignore).on('SIGTERM', ignore);
  try {
    install();
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', ignore);
    if (!foreign) rmSync(POLICY, { force: true });
  }
}

/** Runs a program without stdin. Throws a `SetupError` with the last 20 lines of its output when it fails. */
export function run(program, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const result = spawnSync(program, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (result.status === 0) return;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(-20).join('\n');
  const cause = result.error ? `: ${result.error.message}` : '';
  throw new SetupError(`${output}\nerror: ${[program, ...args].join(' ')} failed${cause}`);
}
