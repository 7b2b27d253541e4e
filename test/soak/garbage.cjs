// Opens connections and sends invalid data. Arguments: the port and the number of connections per second. On SIGTERM it
// prints how many connections it made. It is a separate process in plain JavaScript, so that it uses little CPU time
// beside the gateway.
const { randomBytes } = require('node:crypto');
const { connect } = require('node:net');
const tls = require('node:tls');

const port = Number(process.argv[2]);
const perSecond = Number(process.argv[3]);
const TICK_MS = 20;
/** Silent connections are closed, or this process would run out of descriptors before the gateway does. */
const IDLE_LIMIT_MS = 2_000;

const garbage = randomBytes(4096);
const hello = Buffer.from('16030100c8010000c40303', 'hex');
const kinds = [
  (socket) => socket.end(garbage.subarray(0, 100)),
  (socket) => socket.write(Buffer.concat([hello, garbage.subarray(0, 180)])),
  (socket) => socket.write(hello, () => socket.resetAndDestroy()),
  (socket) => socket.end('RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHost: x\r\n\r\n'),
  () => undefined,
  (socket) => socket.destroy(),
];
/** One of so many connections completes the TLS handshake, which is the most expensive step for the gateway. */
const TLS_INTERVAL = 50;
const tlsKinds = [
  (socket) => socket.write('GET / HTTP/1.1\r\nbroken\r\n\r\n'),
  (socket) => socket.end(garbage),
  (socket) => socket.write('RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHost: localhost\r\nRDG-Conn'),
];

let made = 0;
let refused = 0;
const started = performance.now();
setInterval(() => {
  const due = Math.floor(((performance.now() - started) / 1000) * perSecond) - made;
  for (let i = 0; i < Math.min(due, perSecond); i++) openConnection(made++);
}, TICK_MS);

function openConnection(index) {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(IDLE_LIMIT_MS, () => socket.destroy());
  socket.on('error', (error) => {
    if (error.code === 'ECONNREFUSED') refused++;
  });
  socket.on('data', () => undefined);
  if (index % TLS_INTERVAL > 0) return socket.on('connect', () => kinds[index % kinds.length](socket));
  const secured = tls.connect({ socket, rejectUnauthorized: false });
  secured.on('error', () => undefined);
  secured.on('secureConnect', () => tlsKinds[made % tlsKinds.length](secured));
}

process.on('SIGTERM', () => {
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${JSON.stringify({ made, refused, perSecond: Math.round(made / seconds) })}\n`);
  process.exit();
});
