import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../lab/authority.js';
import { startChild } from '../lab/child.js';
import { CLIENT_EXIT, CLIENT_VERSIONS, type ClientOptions, startClient, TRANSPORTS } from '../lab/client.js';
import { type Lab, openLab } from '../lab/lab.js';
import { difference, drawPicture, OTHER_PICTURE_RMSE, type Picture, SAME_PICTURE_RMSE } from '../lab/picture.js';
import { freePort } from '../lab/port.js';
import { startProbe } from '../lab/probe.js';
import { processesWith } from '../lab/processes.js';
import { expectOtherPicture, waitForPicture } from '../lab/screen.js';
import { startShadow } from '../lab/shadow.js';
import type { Target } from '../lab/target.js';
import { startTargetProxy } from '../lab/target-proxy.js';
import { until } from '../lab/until.js';
import { startXrdp } from '../lab/xrdp.js';

const TARGET_KINDS = ['shadow', 'xrdp'] as const;

let lab: Lab;
let authority: Authority;
let untrusted: Authority;
let picture: Picture;
let targets: Record<Target['name'], Target>;

beforeAll(async () => {
  lab = await openLab('lab');
  authority = await makeAuthority(lab, 'authority');
  untrusted = await makeAuthority(lab, 'untrusted');
  picture = await drawPicture(lab);
  targets = { shadow: await startShadow(lab, authority, picture), xrdp: await startXrdp(lab, authority, picture) };
});

afterAll(() => lab?.close());

describe.each(CLIENT_VERSIONS)('FreeRDP %s without a gateway', (version) => {
  const directTo = (target: Target): ClientOptions => ({
    version,
    to: target,
    user: target.user,
    password: target.password,
    trust: [authority.caFile],
  });

  it.each(TARGET_KINDS)('shows the picture of %s over one connection', async (kind) => {
    const before = targets[kind].connections();
    const client = await startClient(lab, directTo(targets[kind]));
    expect(await waitForPicture(lab, client, picture)).toBeLessThanOrEqual(SAME_PICTURE_RMSE);
    await client.stop();
    expect(targets[kind].connections() - before).toBe(1);
  });

  it('reads the target from an .rdp file', async () => {
    const { address, port } = targets.shadow;
    const rdpFile = join(lab.folder, 'direct.rdp');
    writeFileSync(rdpFile, `full address:s:${address}:${port}\r\nserver port:i:${port}\r\n`);
    const client = await startClient(lab, { ...directTo(targets.shadow), to: { rdpFile } });
    await waitForPicture(lab, client, picture);
    await client.stop();
  });

  it('fails the comparison with another picture', async () => {
    const other = await drawPicture(lab);
    const client = await startClient(lab, directTo(targets.shadow));
    await waitForPicture(lab, client, picture);
    expect(await expectOtherPicture(lab, client, other)).toBeGreaterThan(OTHER_PICTURE_RMSE);
    await expect(waitForPicture(lab, client, other, 1_000)).rejects.toThrow(/does not show the picture.*RMSE 0\.[2-9]/);
    expect(existsSync(join(lab.results, `${client.name}.png`))).toBe(true);
    await expect(expectOtherPicture(lab, client, picture)).rejects.toThrow('shows the picture');
    await client.stop();
  });

  it('shows nothing when the port is closed', async () => {
    const client = await startClient(lab, {
      ...directTo(targets.shadow),
      to: { host: '127.0.0.1', port: await freePort() },
    });
    expect(await client.waitForExit()).toBe(CLIENT_EXIT.connectionLost);
    expect(client.errors()).toContain('ERRCONNECT_CONNECT_TRANSPORT_FAILED');
    await expectOtherPicture(lab, client, picture);
    await expect(waitForPicture(lab, client, picture)).rejects.toThrow('the client ended with');
    await client.stop();
  });

  it('does not trust a target whose certificate authority is unknown', async () => {
    const client = await startClient(lab, { ...directTo(targets.shadow), trust: [untrusted.caFile] });
    expect(await client.waitForExit()).toBe(CLIENT_EXIT.tlsRefused);
    expect(client.log()).toContain('certificate not trusted');
    await expectOtherPicture(lab, client, picture);
    await client.stop();
  });
});

describe.each(CLIENT_VERSIONS)('FreeRDP %s verifies the certificate of a gateway', (version) => {
  const TOKEN = 'a-token-of-the-lab';
  const through = (port: number, trust: Authority[]): ClientOptions => ({
    version,
    to: { host: 'target.test', port: 3389 },
    user: 'lab',
    password: 'lab',
    gateway: { host: 'localhost', port, token: TOKEN },
    trust: trust.map((one) => one.caFile),
  });

  it.each(TRANSPORTS)('sends a request over %s if it trusts the authority', async (transport) => {
    const probe = await startProbe(lab, await authority.issue(['localhost']));
    const client = await startClient(lab, { ...through(probe.port, [untrusted, authority]), transport });
    expect(await client.waitForExit()).toBe(CLIENT_EXIT.httpRefused);
    expect(probe.requests()).toHaveLength(1);
    expect(probe.requests()[0]).toMatch(/^RDG_OUT_DATA \/remoteDesktopGateway\/ HTTP\/1\.1\r\n/);
    expect(/^upgrade: websocket/im.test(probe.requests()[0] ?? '')).toBe(transport === 'websocket');
    await client.stop();
  });

  it.each([
    ['of an unknown authority', 'localhost', () => [untrusted]],
    ['for another name', 'other.test', () => [authority]],
  ])('sends no request after a certificate %s', async (_, name, trust) => {
    const probe = await startProbe(lab, await authority.issue([name]));
    const client = await startClient(lab, through(probe.port, trust()));
    expect(await client.waitForExit()).toBe(CLIENT_EXIT.tlsRefused);
    expect(client.errors()).toEqual(['ERRCONNECT_TLS_CONNECT_FAILED']);
    expect(probe.connections()).toBeGreaterThan(0);
    expect(probe.requests()).toEqual([]);
    await client.stop();
  });
});

describe('the proxy of a target', () => {
  it('relays bytes in both directions and counts each connection once', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    lab.onClose(() => void echo.close());
    const proxy = await startTargetProxy(lab, (echo.address() as { port: number }).port);
    expect(proxy.connections()).toBe(0);
    for (const sent of ['one', 'two', 'three']) {
      const socket = connect(proxy.port, '127.0.0.1').setEncoding('utf8');
      socket.end(sent);
      let received = '';
      for await (const chunk of socket) received += chunk;
      expect(received).toBe(sent);
    }
    expect(proxy.connections()).toBe(3);
  });

  it('counts a connection even when the target refuses it', async () => {
    const proxy = await startTargetProxy(lab, await freePort());
    const socket = connect(proxy.port, '127.0.0.1')
      .on('error', () => undefined)
      .resume();
    await once(socket, 'close');
    expect(proxy.connections()).toBe(1);
  });
});

describe('random pictures', () => {
  it('are equal only for equal seeds', async () => {
    const [one, again, other] = [await drawPicture(lab, 'a'), await drawPicture(lab, 'a'), await drawPicture(lab, 'b')];
    expect(await difference(one.file, again.file)).toBe(0);
    expect(await difference(one.file, other.file)).toBeGreaterThan(OTHER_PICTURE_RMSE);
  });
});

describe('closing a lab', () => {
  it('ends its processes and their descendants', async () => {
    const closing = await openLab('closing');
    await startChild(closing, 'sh', ['-c', 'setsid sleep 300 & sleep 300']);
    await until('two sleep processes', 5_000, () => sleepCount(closing) === 2);
    await closing.close();
    expect(sleepCount(closing)).toBe(0);
  });

  it('ends orphans and rejects with their names', async () => {
    const closing = await openLab('closing');
    const parent = await startChild(closing, 'sh', ['-c', 'setsid sleep 300 &']);
    await parent.waitForExit(5_000);
    await until('a sleep process', 5_000, () => sleepCount(closing) === 1);
    await expect(closing.close()).rejects.toThrow('still running: sleep');
    expect(sleepCount(closing)).toBe(0);
  });
});

function sleepCount(closing: Lab): number {
  return Object.entries(closing.tag)
    .flatMap(([name, value]) => processesWith(name, value))
    .filter((process) => process.name === 'sleep').length;
}
