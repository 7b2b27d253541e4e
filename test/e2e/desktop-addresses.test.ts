/** The address of a desktop in every form in which people write it: in `mkrdp` or at the client, through the gateway, to the desktop. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRdp, settingValue } from '../../src/rdpfile/parse.js';
import { makeAuthority } from '../lab/authority.js';
import { CLIENT_EXIT, CLIENT_VERSIONS, type ClientOptions, type ClientVersion, startClient } from '../lab/client.js';
import { type GatewayProcess, startGatewayProcess } from '../lab/gateway.js';
import { type Lab, openLab } from '../lab/lab.js';
import { NAMED_ADDRESS, startDesktopNetwork } from '../lab/network.js';
import { drawPicture, type Picture, SAME_PICTURE_RMSE } from '../lab/picture.js';
import { waitForPicture } from '../lab/screen.js';
import { startShadow } from '../lab/shadow.js';
import type { Target } from '../lab/target.js';
import { startTcpProxy, type TargetProxy } from '../lab/target-proxy.js';
import { until } from '../lab/until.js';
import { DESKTOP_ADDRESSES } from '../support/desktop-addresses.js';

/** What a user types at the client, and the value of `mkrdp --target` for its token. */
interface Typed {
  readonly host: string;
  /** Not typed if it is the default port. */
  readonly port?: number;
  readonly target: string;
}

const TYPED: readonly Typed[] = [
  { host: '127.0.0.1', port: 33891, target: '127.0.0.1:33891' },
  { host: '192.168.0.101', target: '192.168.0.101:3389' },
  { host: '[::1]', port: 33891, target: '[::1]:33891' },
  { host: '[FD00:0::5]', port: 3390, target: '[fd00::5]:3390' },
  { host: '[fd00::5]', target: '[fd00::5]:3389' },
  { host: '[::ffff:a00:1]', port: 3390, target: '10.0.0.1:3390' },
  { host: 'DESK.Example.', target: 'desk.example:3389' },
  { host: 'desk.example.', port: 3390, target: 'desk.example:3390' },
  { host: 'BÜRO.example', target: 'xn--bro-hoa.example:3389' },
  { host: 'PC_01', target: 'pc_01:3389' },
];

const hostOf = (target: string): string => target.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
const HOSTS = [...new Set(DESKTOP_ADDRESSES.map(({ target }) => hostOf(target)))];
const NAMES = HOSTS.filter((host) => isIP(host) === 0 && host !== 'localhost');
/** The certificate of the desktop has them. FreeRDP compares an IPv6 address from a file with its brackets. */
const CERTIFIED = HOSTS.map((host) => (host.includes(':') ? `[${host}]` : host));
const PORTS = [...new Set(DESKTOP_ADDRESSES.map(({ serverPort }) => serverPort))];

let lab: Lab;
let picture: Picture;
let desktop: Target;
let gateway: GatewayProcess;
/** In front of the gateway, which is in another network. */
let front: TargetProxy;
let trust: readonly string[];

beforeAll(async () => {
  lab = await openLab('desktop-addresses');
  const authority = await makeAuthority(lab, 'authority');
  picture = await drawPicture(lab);
  desktop = await startShadow(lab, authority, picture, CERTIFIED);
  const network = await startDesktopNetwork(lab, { desktop, ports: PORTS, names: NAMES });
  const path = join(lab.folder, 'gateway.sock');
  front = await startTcpProxy(lab, { path });
  const settings = join(lab.folder, 'rdgw.yaml');
  writeFileSync(settings, `{hostname: "localhost:${front.port}", listen: "unix:${path}"}\n`);
  gateway = await startGatewayProcess(lab, ['--config', settings], { listen: false, wrapper: network.wrapper });
  trust = [authority.caFile, gateway.caFile];
});

afterAll(() => lab?.close());

let files = 0;
/** Runs the command in the gateway's network, as on its machine. */
async function makeRdpFile(target: string): Promise<string> {
  files += 1;
  const file = join(lab.folder, `desktop-${files}.rdp`);
  await gateway.rdgw('mkrdp', `--target=${target}`, `--gateway=localhost:${front.port}`, `--output=${file}`);
  return file;
}

const settingsOf = (file: string) => parseRdp(readFileSync(file));

const login = () => ({ user: desktop.user, password: desktop.password, trust });

type Options = Omit<ClientOptions, 'version' | keyof ReturnType<typeof login>>;

/** Opens the desktop with both clients at once. Throws unless both show it, and the gateway names this target. */
async function expectDesktop(target: string, optionsFor: (version: ClientVersion) => Options): Promise<void> {
  const before = { connections: desktop.connections(), lines: gateway.log().length };
  const shows = async (version: ClientVersion): Promise<void> => {
    const client = await startClient(lab, { version, ...login(), ...optionsFor(version) });
    try {
      expect(await waitForPicture(lab, client, picture)).toBeLessThanOrEqual(SAME_PICTURE_RMSE);
    } finally {
      await client.stop();
    }
  };
  const results = await Promise.allSettled(CLIENT_VERSIONS.map(shows));
  expect(results.map((result) => (result.status === 'rejected' ? String(result.reason) : 'shown'))).toEqual(
    CLIENT_VERSIONS.map(() => 'shown'),
  );
  const lines = (event: string) =>
    gateway
      .log()
      .slice(before.lines)
      .filter((line) => line.event === event);
  await until('the sessions to end', 10_000, () => lines('session.ended').length === CLIENT_VERSIONS.length);
  const host = hostOf(target);
  const address = host === 'localhost' ? '127.0.0.1' : isIP(host) === 0 ? NAMED_ADDRESS : host;
  const transports = CLIENT_VERSIONS.map((version) => optionsFor(version).transport);
  expect(lines('channel.opened')).toEqual(
    transports.map((transport) => expect.objectContaining({ target, address, transport })),
  );
  expect(desktop.connections() - before.connections).toBe(CLIENT_VERSIONS.length);
}

/** The same in the syntax of each client, with a token for the target. */
function typed({ host, port }: Omit<Typed, 'target'>, token: string) {
  return (version: ClientVersion): Options => {
    // FreeRDP 2 connects to port 0 if the port follows an IPv6 address, also without a gateway.
    const apart = port !== undefined && host.startsWith('[') && version === '2.11.7';
    return {
      to: apart || port === undefined ? { host } : { host, port },
      gateway: { host: 'localhost', port: front.port, token },
      transport: 'websocket',
      // The certificate of the desktop has the canonical name only.
      extra: ['/cert:ignore', ...(apart ? [`/port:${port}`] : [])],
    };
  };
}

async function tokenFor(target: string): Promise<string> {
  return settingValue(settingsOf(await makeRdpFile(target)), 'gatewayaccesstoken') ?? '';
}

const DUAL_CHANNEL = ['DESK.Example.', '[FD00:0::5]:3390'];
const WITH_TRANSPORT = DESKTOP_ADDRESSES.flatMap((row) => [
  { ...row, transport: 'websocket' as const },
  ...(DUAL_CHANNEL.includes(row.typed) ? [{ ...row, transport: 'http' as const }] : []),
]);

describe('an .rdp file', () => {
  it.each(WITH_TRANSPORT)(
    'of mkrdp --target $typed shows $target over $transport',
    async ({ typed, target, fullAddress, serverPort, transport }) => {
      const rdpFile = await makeRdpFile(typed);
      const settings = settingsOf(rdpFile);
      expect(settingValue(settings, 'full address')).toBe(fullAddress);
      expect(settingValue(settings, 'server port')).toBe(String(serverPort));
      await expectDesktop(target, () => ({ to: { rdpFile }, transport }));
    },
  );
});

describe('at the command line of the client', () => {
  it.each(TYPED)('$host shows $target', async ({ target, ...address }) => {
    await expectDesktop(target, typed(address, await tokenFor(target)));
  });
});

describe('an address with a zone', () => {
  const typedZones = ['fe80::1%eth0', '[fe80::1%eth0]', '[fe80::1%eth0]:3389'];
  it.each(typedZones)('%s is refused by mkrdp', async (target) => {
    const words =
      /has a zone \(%\), which is a network interface of one machine .* at --target\nhint: use an address that is valid on every machine\n/;
    await expect(makeRdpFile(target)).rejects.toThrow(words);
  });

  it.each(CLIENT_VERSIONS)('is refused by the gateway if FreeRDP %s asks for it', async (version) => {
    const before = { connections: desktop.connections(), lines: gateway.log().length };
    const options = typed({ host: '[fe80::1%eth0]' }, await tokenFor('[fe80::1]'))(version);
    const client = await startClient(lab, { version, ...login(), ...options });
    expect(await client.waitForExit()).toBe(CLIENT_EXIT.refusedByGateway);
    expect(client.errors()).toContain('E_PROXY_RAP_ACCESSDENIED');
    await client.stop();
    const refused = gateway
      .log()
      .slice(before.lines)
      .filter(({ event }) => event === 'channel.refused');
    expect(refused).toEqual([expect.objectContaining({ reason: expect.stringContaining('has a zone (%)') })]);
    expect(desktop.connections()).toBe(before.connections);
  });
});

it('the log says what to do about the port 0 of FreeRDP 2 after an IPv6 address', async () => {
  const before = gateway.log().length;
  const options = typed({ host: '[::1]' }, await tokenFor('[::1]:33891'))('2.11.7');
  const client = await startClient(lab, {
    version: '2.11.7',
    ...login(),
    ...options,
    to: { host: '[::1]', port: 33891 },
  });
  expect(await client.waitForExit()).toBe(CLIENT_EXIT.refusedByGateway);
  await client.stop();
  const refused = gateway
    .log()
    .slice(before)
    .filter(({ event }) => event === 'channel.refused');
  expect(refused).toEqual([expect.objectContaining({ reason: expect.stringMatching(/port 0.*\/port:PORT/) })]);
});
