// A TLS server that pipes each connection to a target: the cost of TLS and TCP in Node without any protocol.
// Usage: node pipe.js CERT KEY TARGET_PORT…; it prints its own port for each target in one line.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer } from 'node:tls';

const [certificate, key, ...targets] = process.argv.slice(2);
const ports = await Promise.all(targets.map((target) => listen(Number(target))));
process.stdout.write(`${ports.join(' ')}\n`);

function listen(target) {
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key), noDelay: true }, (client) => {
    const desktop = connect({ port: target, host: '127.0.0.1', noDelay: true });
    const destroyBoth = () => {
      client.destroy();
      desktop.destroy();
    };
    for (const socket of [client, desktop]) socket.on('error', destroyBoth).on('close', destroyBoth);
    client.pipe(desktop);
    desktop.pipe(client);
  });
  server.on('tlsClientError', () => undefined);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, () => resolve(server.address().port)));
}
