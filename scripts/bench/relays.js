// Starts the gateway and the relays that it is compared with. Each relay connects to the desktops of both generators.
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SetupError } from '../debian.js';
import { tree } from './cpu.js';
import { Load } from './load.js';
import { loopProbe } from './loop.js';
import { Program, run } from './program.js';

const RDGW = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const PIPE = fileURLToPath(new URL('pipe.js', import.meta.url));
/** The connection limit of haproxy. Its largest cell has 2000 sessions. */
const HAPROXY_CONNECTIONS = 8000;

/**
 * All relays run on the same `core` or cores with the same priority. A relay is `{ pid, ports, stop }`; `ports[i]`
 * leads to `targets[i]`. `refusing` is the port of haproxy that refuses every request. Relays in Node have `loopFile` for loop.js. `workers` has the ids of the processes for the OUT
 * and the IN channel. `desktop` is the generator whose desktop replaces the relay.
 */
export const RELAYS = {
  gateway: startGateway,
  crossed: startCrossed,
  pipe: startPipe,
  haproxy: startHaproxy,
  raw: startRaw,
};

/** The data directory of the gateway with its certificate and keys. All relays use the same certificate. */
export function makeIdentity(folder) {
  run(process.execPath, [RDGW, 'certs', 'init', '--host', 'localhost', '--data-dir', folder]);
  const [certificate, key] = ['server.pem', 'server.key'].map((name) => join(folder, name));
  const bundle = join(folder, 'bundle.pem');
  writeFileSync(bundle, Buffer.concat([readFileSync(certificate), readFileSync(key)]), { mode: 0o600 });
  return { folder, certificate, key, bundle };
}

/** A PAA cookie of `mkrdp` for the desktop on a port. */
export function tokenFor(identity, port) {
  const args = ['mkrdp', '--target', `127.0.0.1:${port}`, '--gateway', 'localhost', '--output', '-'];
  const file = run(process.execPath, [RDGW, ...args, '--data-dir', identity.folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return /^gatewayaccesstoken:s:(\S+)/m.exec(file.toString('utf16le'))[1];
}

/** All sessions come from one address, and the benchmark measures what they cost, not how fast they may come. */
const NO_RATES = { RDGW_LIMITS_HANDSHAKE_RATE: '100000', RDGW_LIMITS_HANDSHAKE_RATE_PER_ADDRESS: '100000' };

async function startGateway({ identity, node, core, priority, serveArgs, settings = {} }) {
  const args = ['serve', '--listen', '127.0.0.1:0', '--json', '--data-dir', identity.folder, ...serveArgs];
  const { file: loopFile, env } = loopProbe(identity.folder, { ...cleanEnvironment(), ...NO_RATES, ...settings });
  const program = new Program(node, [RDGW, ...args], { core, priority, env, log: join(identity.folder, 'log') });
  const { port } = JSON.parse(await readJson(program));
  // With workers this process only supervises them, so its event loop delay means nothing.
  const isSingle = !serveArgs.some((arg) => arg.startsWith('--workers'));
  return {
    pid: program.pid,
    ports: [port, port],
    loopFile: isSingle ? loopFile : undefined,
    stop: () => program.stop(),
  };
}

/**
 * Two workers: one gets the OUT channel of each session, the other one the IN channel, which it forwards to the first.
 */
async function startCrossed(options) {
  const gateway = await startGateway({ ...options, settings: { RDGW_WORKERS: '2' } });
  const [, ...workers] = tree(gateway.pid);
  if (workers.length === 2) return { ...gateway, workers };
  await gateway.stop();
  throw new SetupError(`"crossed" needs two workers, not ${workers.length}: leave it out with --relays`);
}

/** The environment without the user's settings, and with limits per address and per user that no cell reaches. */
function cleanEnvironment() {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('RDGW_'));
  const limits = { RDGW_LIMITS_CONNECTIONS_PER_ADDRESS: '24000', RDGW_LIMITS_TUNNELS_PER_USER: '10000' };
  return { ...Object.fromEntries(others), ...limits };
}

async function readJson(program) {
  let text = '';
  for (;;) {
    text += await program.readLine();
    try {
      JSON.parse(text);
      return text;
    } catch {
      // The JSON continues in the next line.
    }
  }
}

async function startPipe({ identity, node, core, priority, targets }) {
  const { file: loopFile, env } = loopProbe(identity.folder, cleanEnvironment());
  const program = new Program(node, [PIPE, identity.certificate, identity.key, ...targets], { core, priority, env });
  const ports = (await program.readLine()).split(' ').map(Number);
  return { pid: program.pid, ports, loopFile, stop: () => program.stop() };
}

async function startHaproxy({ identity, core, priority, targets }) {
  const [refusing, ...ports] = await freePorts(1 + targets.length);
  const file = join(identity.folder, `haproxy-${ports[0]}.cfg`);
  const listeners = targets.map(
    (target, index) => `listen target${index}
  bind 127.0.0.1:${ports[index]} ssl crt ${identity.bundle}
  server desktop 127.0.0.1:${target}`,
  );
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn ${HAPROXY_CONNECTIONS}
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
${listeners.join('\n')}
frontend refusing
  mode http
  option httpclose
  timeout http-request 10s
  bind 127.0.0.1:${refusing} ssl crt ${identity.bundle}
  http-request deny deny_status 404
`,
  );
  const program = new Program('haproxy', ['-f', file, '-db'], {
    core,
    priority,
    log: join(identity.folder, 'haproxy.log'),
  });
  await Promise.all([refusing, ...ports].map(waitUntilListening));
  return { pid: program.pid, ports, refusing, stop: () => program.stop() };
}

/** No relay: clients connect to a desktop that speaks TLS itself. This measures the cost of one TLS endpoint in C. */
async function startRaw({ identity, core, priority, program }) {
  const desktop = await Load.start(program, { core, priority, tls: [identity.certificate, identity.key] });
  return { pid: desktop.pid, ports: [desktop.port, desktop.port], desktop, stop: () => desktop.stop() };
}

/** haproxy does not report a port that the kernel chose, so free ports are found in advance. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

const RETRY_INTERVAL_MS = 20;
const MAX_TRIES = 250;

async function waitUntilListening(port) {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await sleep(RETRY_INTERVAL_MS);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`no process listens on port ${port}`);
}
