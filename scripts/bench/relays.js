// The gateway under test and what it is compared with. Each leads to the desktop of every generator.
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
/** Sessions that haproxy allows; the largest of its cells has 2000. */
const HAPROXY_CONNECTIONS = 8000;

/**
 * All have the same `core` or cores and the same priority. A relay is `{ pid, ports, stop }`; `ports[i]` leads to `targets[i]`. Those in
 * Node have `loopFile` for loop.js, `landing` has the processes for the legs of a session.
 */
export const RELAYS = {
  gateway: startGateway,
  crossed: startCrossed,
  pipe: startPipe,
  haproxy: startHaproxy,
  raw: startRaw,
};

/** Certificate and keys of the gateway serve all of them. */
export function makeIdentity(folder) {
  run(process.execPath, [RDGW, 'certs', 'init', '--host', 'localhost', '--data-dir', folder]);
  const [certificate, key] = ['server.pem', 'server.key'].map((name) => join(folder, name));
  const bundle = join(folder, 'bundle.pem');
  writeFileSync(bundle, Buffer.concat([readFileSync(certificate), readFileSync(key)]), { mode: 0o600 });
  return { folder, certificate, key, bundle };
}

/** A token as `mkrdp` makes it, for one desktop. */
export function tokenFor(identity, port) {
  const args = ['mkrdp', '--target', `127.0.0.1:${port}`, '--gateway', 'localhost', '--output', '-'];
  const file = run(process.execPath, [RDGW, ...args, '--data-dir', identity.folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return /^gatewayaccesstoken:s:(\S+)/m.exec(file.toString('utf16le'))[1];
}

async function startGateway({ identity, node, core, priority, serveArgs, settings = {} }) {
  const args = ['serve', '--listen', '127.0.0.1:0', '--json', '--data-dir', identity.folder, ...serveArgs];
  const { file: loopFile, env } = loopProbe(identity.folder, { ...clean(), ...settings });
  const program = new Program(node, [RDGW, ...args], { core, priority, env, log: join(identity.folder, 'log') });
  const { port } = JSON.parse(await jsonOf(program));
  // With workers this process serves nobody.
  const isAlone = !serveArgs.some((arg) => arg.startsWith('--workers'));
  return {
    pid: program.pid,
    ports: [port, port],
    loopFile: isAlone ? loopFile : undefined,
    stop: () => program.stop(),
  };
}

/** Two workers. Of each session one gets the first leg, the other one the second. */
async function startCrossed(how) {
  const gateway = await startGateway({ ...how, settings: { RDGW_WORKERS: '2' } });
  const [, ...landing] = tree(gateway.pid);
  if (landing.length === 2) return { ...gateway, landing };
  await gateway.stop();
  throw new SetupError(`"crossed" is about two workers, not ${landing.length}: leave it out with --relays`);
}

/** Settings of whoever runs the bench are not those of the bench. All its clients have one address. */
function clean() {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('RDGW_'));
  return { ...Object.fromEntries(others), RDGW_LIMITS_CONNECTIONS_PER_ADDRESS: '24000' };
}

async function jsonOf(program) {
  let text = '';
  for (;;) {
    text += await program.line();
    try {
      JSON.parse(text);
      return text;
    } catch {
      // It goes on in the next line.
    }
  }
}

async function startPipe({ identity, node, core, priority, targets }) {
  const { file: loopFile, env } = loopProbe(identity.folder, clean());
  const program = new Program(node, [PIPE, identity.certificate, identity.key, ...targets], { core, priority, env });
  const ports = (await program.line()).split(' ').map(Number);
  return { pid: program.pid, ports, loopFile, stop: () => program.stop() };
}

async function startHaproxy({ identity, core, priority, targets }) {
  const ports = await freePorts(targets.length);
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
`,
  );
  const program = new Program('haproxy', ['-f', file, '-db'], {
    core,
    priority,
    log: join(identity.folder, 'haproxy.log'),
  });
  await Promise.all(ports.map(reachable));
  return { pid: program.pid, ports, stop: () => program.stop() };
}

/** No relay at all: the desktop itself speaks TLS. What is left is the price of one TLS end in C. */
async function startRaw({ identity, core, priority, program }) {
  const far = await Load.start(program, { core, priority, tls: [identity.certificate, identity.key] });
  return { pid: far.pid, ports: [far.port, far.port], far, stop: () => far.stop() };
}

/** haproxy cannot say which port it was given. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

const TRY_EVERY_MS = 20;
const TRIES = 250;

async function reachable(port) {
  for (let tries = 0; tries < TRIES; tries++) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await sleep(TRY_EVERY_MS);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`nobody listens on port ${port}`);
}
