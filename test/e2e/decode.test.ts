import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../lab/authority.js';
import { type Child, startChild } from '../lab/child.js';
import { CLIENT_VERSIONS, startClient, TRANSPORTS } from '../lab/client.js';
import { type GatewayProcess, startGatewayProcess } from '../lab/gateway.js';
import { type Lab, openLab } from '../lab/lab.js';
import { drawPicture, type Picture } from '../lab/picture.js';
import { waitForPicture } from '../lab/screen.js';
import { startShadow } from '../lab/shadow.js';
import type { Target } from '../lab/target.js';
import { until } from '../lab/until.js';

interface Decoded {
  readonly connectionId: string;
  readonly transport: string;
  readonly target: string;
  readonly clientName: string;
  readonly dataBytes: Record<string, number>;
  readonly counts: Record<string, Record<string, number>>;
  readonly gaps: Record<string, number>;
  readonly notes: readonly { readonly code: string }[];
}

let lab: Lab;
let authority: Authority;
let picture: Picture;
let shadow: Target;
let gateway: GatewayProcess;
let keylog: string;

beforeAll(async () => {
  lab = await openLab('decode');
  authority = await makeAuthority(lab, 'authority');
  picture = await drawPicture(lab);
  shadow = await startShadow(lab, authority, picture);
  keylog = join(lab.folder, 'keys.txt');
  gateway = await startGatewayProcess(lab, ['--keylog', keylog]);
});

afterAll(() => lab?.close());

/** Starts a capture of the gateway's port. */
async function capture(file: string): Promise<Child> {
  const filter = `tcp port ${gateway.port}`;
  // dumpcap prints the file name when the capture has started. The large buffer avoids lost packets on a busy machine.
  const args = ['-q', '-i', 'lo', '-B', '64', '-f', filter, '-w', file];
  return await startChild(lab, 'dumpcap', args, { ready: (child) => /File: /.test(child.output()) });
}

/** The packet list of tshark for a capture, with this port decoded as RDP. */
function tsharkList(file: string, port: number): string {
  const options: ExecFileSyncOptionsWithStringEncoding = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
  return execFileSync('tshark', ['-n', '-r', file, '-d', `tcp.port==${port},tpkt`], options);
}

describe.each(CLIENT_VERSIONS)('the traffic of FreeRDP %s', (version) => {
  it.each(TRANSPORTS)('over %s is decoded to the values in the log of the gateway', async (transport) => {
    const file = join(lab.folder, `${version}-${transport}.pcapng`);
    const before = gateway.log().length;
    const recorder = await capture(file);
    const rdpFile = join(lab.folder, `${version}-${transport}.rdp`);
    const args = [`--target=localhost:${shadow.port}`, `--gateway=localhost:${gateway.port}`];
    await gateway.rdgw('mkrdp', ...args, `--output=${rdpFile}`);
    const { user, password } = shadow;
    const trust = [authority.caFile, gateway.caFile];
    const client = await startClient(lab, { version, to: { rdpFile }, user, password, transport, trust });
    await waitForPicture(lab, client, picture);
    await client.stop();
    const ended = () =>
      gateway
        .log()
        .slice(before)
        .find(({ event }) => event === 'session.ended');
    const logged = await until('the end of the session in the log', 10_000, ended);
    // The kernel delivers packets to dumpcap in batches. The file is complete when it stops growing.
    let size = -1;
    await until(
      'the capture to be complete',
      10_000,
      () => {
        const now = statSync(file).size;
        const same = now === size;
        size = now;
        return same && now > 1_000;
      },
      1_000,
    );
    await recorder.stop();

    const inner = join(lab.folder, `${version}-${transport}-inner.pcap`);
    const flags = ['--keylog', keylog, '--write', inner, '--json'];
    const summary = JSON.parse(await gateway.rdgw('decode', file, ...flags));
    expect(tsharkList(inner, shadow.port)).toContain('Negotiate Request');
    const found: readonly Decoded[] = summary.conversations.filter(
      (one: Decoded) => one.connectionId === logged.connection,
    );
    expect(found).toHaveLength(1);
    const [decoded] = found;
    expect(decoded).toMatchObject({ transport, target: logged.target, clientName: logged.client });
    expect(decoded?.dataBytes).toEqual({ 'client-to-server': logged.received, 'server-to-client': logged.sent });
    expect(decoded?.gaps).toEqual({ 'client-to-server': 0, 'server-to-client': 0 });
    expect(decoded?.notes).toEqual([]);
    expect(decoded?.counts['client-to-server']).toMatchObject({ 1: 1, 4: 1, 6: 1, 8: 1 });
    expect(decoded?.counts['server-to-client']).toMatchObject({ 2: 1, 5: 1, 7: 1, 9: 1 });
  });
});
