// A client without a token, whose bytes reach the gateway as few large reads: the worst case for its event loop.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';

/** Limit for one answer or close of the gateway, below the load of the rest of the machine. */
const TIMEOUT_MS = 20_000;

export class Stranger {
  #tcp;
  #hold;
  #tls;
  #received = 0;
  #closed;

  /** Connects and completes the TLS handshake, always a full one. */
  static async connect(port) {
    const stranger = new Stranger();
    stranger.#tcp = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    await once(stranger.#tcp, 'connect');
    stranger.#hold = new HeldBytes(stranger.#tcp);
    const tls = connectTls({ socket: stranger.#hold, rejectUnauthorized: false });
    stranger.#tls = tls;
    tls.on('error', () => undefined);
    stranger.#closed = new Promise((resolve) => stranger.#tcp.on('close', resolve));
    await within(once(tls, 'secureConnect'), 'TLS handshake');
    tls.on('data', (bytes) => {
      stranger.#received += bytes.length;
      tls.emit('answer');
    });
    return stranger;
  }

  /** Sends bytes and waits for any answer. */
  async ask(bytes) {
    const answered = once(this.#tls, 'answer');
    this.#tls.write(bytes);
    await within(answered, 'an answer');
  }

  /** Encrypts bytes, in records of `recordBytes`, but keeps them. */
  async prepare(bytes, recordBytes = MAX_RECORD) {
    this.#hold.hold();
    for (let at = 0; at < bytes.length; at += recordBytes) {
      await new Promise((resolve) => this.#tls.write(bytes.subarray(at, at + recordBytes), resolve));
    }
    return this.#hold.held;
  }

  /** Sends what was prepared and waits until the gateway has closed the connection. */
  async release() {
    this.#hold.release();
    await within(this.#closed, 'the end of the connection');
  }

  destroy() {
    this.#tls.destroy();
    this.#tcp.destroy();
  }
}

const MAX_RECORD = 16 * 1024;

/** The socket below TLS. It sends what TLS writes at once, or keeps it. */
class HeldBytes extends Duplex {
  #socket;
  #kept;

  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on('data', (bytes) => this.push(bytes));
    socket.on('end', () => this.push(null));
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  get held() {
    return this.#kept.reduce((sum, { length }) => sum + length, 0);
  }

  hold() {
    this.#kept ??= [];
  }

  release() {
    const bytes = Buffer.concat(this.#kept);
    this.#kept = undefined;
    this.#socket.write(bytes);
  }

  _read() {}

  _write(bytes, _encoding, done) {
    if (this.#kept) {
      this.#kept.push(bytes);
      done();
    } else this.#socket.write(bytes, () => done());
  }

  _final(done) {
    this.#socket.end();
    done();
  }
}

async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the gateway did not send ${what} in time`)), TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
