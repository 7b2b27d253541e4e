// Opens connections that never become sessions, and opens each again that the gateway ends. It is a process of its own
// in plain JavaScript, so that it uses little CPU time beside the gateway. Its argument is JSON:
// { port, kind, connections, addresses, perSecond }. It prints a line when all connections were opened once. On SIGTERM
// it prints its counts as JSON.
const { connect } = require('node:net');
const { Duplex } = require('node:stream');
const tls = require('node:tls');

const { port, kind, connections, addresses, perSecond } = JSON.parse(process.argv[2]);
const TICK_MS = 10;
/** Sources are 127.1.0.1 and up: every address of 127.0.0.0/8 belongs to the machine. */
const addressOf = (index) => `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
const half = 'RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHost: localhost\r\nRDG-Conn';

/** What a connection does once it is open. */
const KINDS = {
  silent: () => undefined,
  dripping(socket, hello) {
    let at = 0;
    const timer = setInterval(() => socket.write(hello.subarray(at, ++at)), 1000);
    socket.once('close', () => clearInterval(timer));
  },
  hello: (socket, hello) => socket.write(hello),
  tls: (socket) => secure(socket, () => undefined),
  'half head': (socket) => secure(socket, (secured) => secured.write(half)),
  'idle HTTP': (socket) =>
    secure(socket, (secured) => secured.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')),
};

function secure(socket, then) {
  const secured = tls.connect({ socket, rejectUnauthorized: false });
  secured.on('error', () => undefined);
  secured.on('data', () => undefined);
  secured.once('secureConnect', () => then(secured));
}

/** The first bytes that a TLS client sends. */
function clientHello() {
  return new Promise((resolve) => {
    const wire = new Duplex({ read: () => undefined, write: (bytes) => resolve(Buffer.from(bytes)) });
    tls.connect({ socket: wire, rejectUnauthorized: false, servername: 'localhost' }).on('error', () => undefined);
  });
}

const counts = { made: 0, open: 0, ended: 0 };
let next = 0;

function open(hello) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: addressOf(1 + (next++ % addresses)) });
  counts.made++;
  counts.open++;
  socket.on('error', () => undefined);
  socket.on('data', () => undefined);
  socket.once('connect', () => KINDS[kind](socket, hello));
  socket.once('close', () => {
    counts.open--;
    counts.ended++;
  });
}

void clientHello().then((hello) => {
  const started = performance.now();
  let isFull = false;
  let last = started;
  setInterval(() => {
    const now = performance.now();
    const due = Math.ceil(((now - last) / 1000) * perSecond);
    last = now;
    for (let count = Math.min(due, connections - counts.open); count > 0; count--) open(hello);
    if (isFull || counts.made < connections) return;
    isFull = true;
    process.stdout.write('full\n');
  }, TICK_MS);
  process.on('SIGTERM', () => {
    const seconds = (performance.now() - started) / 1000;
    const { made, open, ended } = counts;
    process.stdout.write(`${JSON.stringify({ made, open, ended, 'made per second': Math.round(made / seconds) })}\n`);
    process.exit();
  });
});
