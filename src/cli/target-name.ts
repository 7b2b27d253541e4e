/** Finds target names that a token cannot open, because they resolve to special addresses. */
import { execFile } from 'node:child_process';
import { canonicalAddress, readAddress } from '../policy/address.js';
import { specialTarget } from '../policy/admit.js';
import type { Target } from '../policy/target.js';

/** Returns the addresses of a name, or none if it has none or does not answer in time. Never rejects. */
export type NameLookup = (host: string) => Promise<readonly string[]>;

/** In milliseconds. Long enough to start the process that looks up, short enough to wait for at a prompt. */
const LOOKUP_DEADLINE_MS = 2000;

const PROGRAM = `require('node:dns').lookup(process.argv[1], { all: true }, (error, found = []) =>
  process.stdout.write(JSON.stringify(found.map(({ address }) => address))))`;

/**
 * Looks a name up with the system's resolver, which also reads /etc/hosts. A process of its own does it, because a lookup cannot
 * be cancelled, and Node.js does not exit before its lookups have ended.
 */
export const systemLookup: NameLookup = (host) =>
  new Promise((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '' };
    const options = { env, timeout: LOOKUP_DEADLINE_MS, killSignal: 'SIGKILL', windowsHide: true } as const;
    execFile(process.execPath, ['-e', PROGRAM, host], options, (_, stdout) => resolve(readAddresses(stdout)));
  });

/** Returns a warning if each address of a target's name on this machine is special, so that the gateway would not open it. */
export async function targetNameWarnings({ host, port }: Target, lookUp: NameLookup): Promise<readonly string[]> {
  if (canonicalAddress(host) !== undefined || /(?:^|\.)localhost$/.test(host)) return [];
  const [first, ...others] = (await lookUp(host)).flatMap((text) => readAddress(text) ?? []);
  if (first?.special === undefined || others.some(({ special }) => special === undefined)) return [];
  const found = `${host} resolves to ${first.text} (${first.special}) on this machine`;
  return [`${found}, which a token for a name does not open: use --target ${specialTarget(first, port)}`];
}

function readAddresses(json: string): readonly string[] {
  try {
    const found: unknown = JSON.parse(json);
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    return [];
  }
}
