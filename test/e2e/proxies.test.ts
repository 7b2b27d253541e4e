/** The recipes of examples/proxies with the proxies of Debian 12. `npm run proxies` tries more clients and programs. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_VERSIONS } from '../lab/client.js';
import { type Lab, openLab } from '../lab/lab.js';
import { verifyLimit } from '../lab/proxies/idle.js';
import { proxyName, reasonFor } from '../lab/proxies/measure.js';
import { startGatewayBehind, startProxy } from '../lab/proxies/proxy.js';
import { RECIPES, type Recipe, TRANSPORTS, type Transport } from '../lab/proxies/recipes.js';
import { echoSessions, withSession } from '../lab/proxies/session.js';
import { openSite, type ProxySite } from '../lab/proxies/site.js';
import { documentedRows, type Row } from '../lab/proxies/table.js';
import { until } from '../lab/until.js';
import { request, tlsSocket } from '../support/client.js';
import { sleep } from '../support/wait.js';

let lab: Lab;
let site: ProxySite;
const documented = documentedRows();
/** The recipes check every two seconds, and the second failure counts. */
const HEALTH_INTERVAL_MS = 5_000;
/** Clients at once. */
const SIX = 6;

beforeAll(async () => {
  lab = await openLab('proxies');
  site = await openSite(lab);
  // Started together, because most of it is waiting.
  await Promise.all(RECIPES.map((recipe) => site.proxy(recipe)));
});

afterAll(() => lab?.close());

async function rowOf(recipe: Recipe, transport: Transport): Promise<Row> {
  const proxy = await proxyName(recipe);
  const row = documented.find((one) => one.file === recipe.file && one.proxy === proxy && one.transport === transport);
  if (row === undefined) throw new Error(`docs/proxies.md has no row for ${recipe.file}, ${proxy}, ${transport}`);
  return row;
}

const claims = async (recipe: Recipe): Promise<Transport[]> => {
  const rows = await Promise.all(TRANSPORTS.map((transport) => rowOf(recipe, transport)));
  return rows.filter(({ marks }) => marks['one client'] === '✓').map(({ transport }) => transport);
};

describe.each(RECIPES)('$file', (recipe) => {
  it.each(TRANSPORTS)('carries data over the %s, or not, as docs/proxies.md says', async (transport) => {
    const { marks } = await rowOf(recipe, transport);
    const proxy = await site.proxy(recipe);
    const to = { transport, port: site.echoPort };
    if (marks['one client'] === '✗') {
      expect(reasonFor(recipe, transport, 'one client')).toBeDefined();
      await expect(echoSessions(proxy, to, 1)).rejects.toThrow();
      return;
    }
    await echoSessions(proxy, to, 1);
    await echoSessions(proxy, to, SIX);
  });

  it('carries sessions after requests that are none', async () => {
    const proxy = await site.proxy(recipe);
    const ask = async (): Promise<number> => {
      const socket = await tlsSocket({ port: proxy.port, ca: proxy.ca });
      const { status } = await request(socket, ['GET /remoteDesktopGateway/ HTTP/1.1', `Host: ${proxy.host}`]);
      socket.destroy();
      return status;
    };
    // A proxy keeps the connections to the gateway and uses them for other clients.
    const statuses = await Promise.all(Array.from({ length: SIX }, ask));
    expect(new Set(statuses)).toEqual(new Set([recipe.program.title === 'Apache' ? 403 : 404]));
    for (const transport of await claims(recipe)) await echoSessions(proxy, { transport, port: site.echoPort }, SIX);
  });

  it('tells the gateway the address of the client, whatever the client claims', async () => {
    const proxy = await site.proxy(recipe);
    const from = '127.0.0.9';
    const forged = ['X-Forwarded-For: 192.0.2.66', 'Forwarded: for=192.0.2.67', 'x-forwarded-for: 192.0.2.68'];
    for (const transport of await claims(recipe)) {
      const before = proxy.gateway.log().length;
      await withSession(proxy, { transport, port: site.echoPort, from, headers: forged }, async () => undefined);
      const opened = await until('the session in the log', 5_000, () =>
        proxy.gateway
          .log()
          .slice(before)
          .find(({ event }) => event === 'channel.opened'),
      );
      expect([transport, opened.peer]).toEqual([transport, recipe.addresses === 'none' ? 'unknown' : from]);
    }
  });
});

describe.each(RECIPES.filter(({ addresses }) => addresses === 'proxy protocol'))('$file', (recipe) => {
  it('does not pass on a PROXY header of the client', async () => {
    const proxy = await site.proxy(recipe);
    const tcp = connectTcp(proxy.port, '127.0.0.1');
    tcp.write('PROXY TCP4 192.0.2.66 192.0.2.1 1 443\r\n');
    const tls = connectTls({ socket: tcp, rejectUnauthorized: false });
    const result = await new Promise((resolve) => {
      tls.once('secureConnect', () => resolve('connected')).on('error', () => resolve('refused'));
      tls.once('close', () => resolve('refused'));
    });
    tls.destroy();
    expect(result).toBe('refused');
  });
});

describe('FreeRDP shows the desktop', () => {
  const cases = ['nginx-stream-proxy-protocol.conf', 'nginx-http.conf', 'haproxy-tls.cfg'].map(
    (file) => RECIPES.find((recipe) => recipe.file === file) as Recipe,
  );
  it.each(cases.flatMap((recipe) => CLIENT_VERSIONS.map((version) => ({ file: recipe.file, recipe, version }))))(
    'through $file with version $version',
    async ({ recipe, version }) => {
      const proxy = await site.proxy(recipe);
      await site.showDesktop(proxy, version, 'WebSocket');
      await site.showDesktop(proxy, version, 'dual channel');
    },
  );
});

describe.concurrent('a limit of 3 s in place of the one of the recipe', () => {
  const limits = RECIPES.flatMap((recipe) =>
    recipe.limits.map((limit) => ({ file: recipe.file, line: limit.line, recipe, limit })),
  );
  it.each(limits)('ends a session through $file: $line', ({ recipe, limit }) => verifyLimit(site, recipe, limit));
});

it.concurrent.each(RECIPES.filter(({ program }) => program.title === 'HAProxy'))(
  'the health checks of $file succeed',
  async (recipe) => {
    const proxy = await site.proxy(recipe);
    // HAProxy assumes that a gateway is up, and writes a line when the first check fails.
    await sleep(HEALTH_INTERVAL_MS);
    expect(proxy.child.output()).not.toContain('is DOWN');
  },
);

it('HAProxy sends no new sessions to a gateway that is draining', async () => {
  const recipe = RECIPES.find(({ file }) => file === 'haproxy-tcp.cfg') as Recipe;
  const gateway = await startGatewayBehind(lab, recipe.settings);
  const proxy = await startProxy(lab, site.authority, recipe, gateway);
  await withSession(proxy, { transport: 'WebSocket', port: site.echoPort }, async ({ client }) => {
    expect(proxy.child.output()).not.toContain('DOWN');
    process.kill(gateway.child.pid, 'SIGTERM');
    await until('HAProxy to notice', 15_000, () => proxy.child.output().includes('gateway/gw1 is DOWN'));
    client.send(Buffer.from('still here'));
    expect((await client.waitForBytes(10)).toString()).toBe('still here');
  });
});
