// A process of its own that opens connections and sends what no client would, PER_SECOND of them; its argument is the port.
// It tells at its end, on SIGTERM, how many it made. Plain JavaScript: it must not take the core that the gateway needs.
const { randomBytes } = require('node:crypto');
const { connect } = require('node:net');
const tls = require('node:tls');

const port = Number(process.argv[2]);
const perSecond = Number(process.argv[3]);
const TICK_MS = 20;
/** Those that wait in silence are let go, or this process would run out of descriptors before the gateway does. */
const LONGEST_MS = 2_000;

const noise = randomBytes(4096);
const hello = Buffer.from('16030100c8010000c40303', 'hex');
const kinds = [
  (socket) => socket.end(noise.subarray(0, 100)),
  (socket) => socket.write(Buffer.concat([hello, noise.subarray(0, 180)])),
  (socket) => socket.write(hello, () => socket.resetAndDestroy()),
  (socket) => socket.end('RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHost: x\r\n\r\n'),
  () => undefined,
  (socket) => socket.destroy(),
];
/** A few get through TLS and go on with nonsense: the full price of a stranger. */
const ONE_THROUGH_TLS = 50;
const throughTls = [
  (socket) => socket.write('GET / HTTP/1.1\r\nbroken\r\n\r\n'),
  (socket) => socket.end(noise),
  (socket) => socket.write('RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHost: localhost\r\nRDG-Conn'),
];

let made = 0;
let refused = 0;
const started = performance.now();
setInterval(() => {
  const due = Math.floor(((performance.now() - started) / 1000) * perSecond) - made;
  for (let i = 0; i < Math.min(due, perSecond); i++) one(made++);
}, TICK_MS);

function one(index) {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(LONGEST_MS, () => socket.destroy());
  socket.on('error', (error) => {
    if (error.code === 'ECONNREFUSED') refused++;
  });
  socket.on('data', () => undefined);
  if (index % ONE_THROUGH_TLS > 0) return socket.on('connect', () => kinds[index % kinds.length](socket));
  const secured = tls.connect({ socket, rejectUnauthorized: false });
  secured.on('error', () => undefined);
  secured.on('secureConnect', () => throughTls[made % throughTls.length](secured));
}

process.on('SIGTERM', () => {
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${JSON.stringify({ made, refused, perSecond: Math.round(made / seconds) })}\n`);
  process.exit();
});
