// Run in a network namespace of its own by network.ts, which can listen there only through another process. Forwards
// what arrives at the given ports, of whichever address, to a Unix socket. Plain JavaScript, because it is not compiled.
const { connect, createServer } = require('node:net');

const [path, ...ports] = process.argv.slice(2);

function forward(client) {
  const desktop = connect({ path, allowHalfOpen: true });
  client.on('error', () => desktop.destroy()).on('close', () => desktop.destroy());
  desktop.on('error', () => client.destroy()).on('close', () => client.destroy());
  client.pipe(desktop).pipe(client);
}

let waiting = ports.length;
for (const port of ports) {
  createServer({ allowHalfOpen: true }, forward).listen({ port, host: '::' }, () => {
    waiting--;
    if (waiting === 0) process.stdout.write('ready\n');
  });
}
