// A client without a token. Its bytes reach the gateway at once, so that as many as possible are in one read: the worst
// case for the event loop.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { InvalidRunError } from './load.js';

/** Limit for an answer. On a busy machine it takes a second. */
const TIMEOUT_MS = 20_000;
/** Largest payload of a TLS record. */
const MAX_RECORD = 16 * 1024;

export class UnauthenticatedClient {
  #tcp;
  #held;
  #tls;
  #closed;

  /** Connects and completes the TLS handshake, always a full one. */
  static async connect(port) {
    const client = new UnauthenticatedClient();
    client.#tcp = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    await once(client.#tcp, 'connect');
    client.#held = new HeldBytes(client.#tcp);
    const tls = connectTls({ socket: client.#held, rejectUnauthorized: false });
    client.#tls = tls;
    tls.on('error', () => undefined);
    client.#closed = new Promise((resolve) => client.#tcp.on('close', resolve));
    await within(once(tls, 'secureConnect'), 'its TLS handshake');
    tls.on('data', () => tls.emit('answer'));
    return client;
  }

  /** Sends bytes and waits for any answer. */
  async ask(bytes) {
    const answered = once(this.#tls, 'answer');
    this.#tls.write(bytes);
    await within(answered, 'an answer');
  }

  /** Encrypts bytes, in records with `recordBytes` of payload, but keeps them. Resolves with their encrypted length. */
  async prepare(bytes, recordBytes = MAX_RECORD) {
    const before = this.#held.hold();
    for (let at = 0; at < bytes.length; at += recordBytes) {
      await new Promise((resolve) => this.#tls.write(bytes.subarray(at, at + recordBytes), resolve));
    }
    return this.#held.length - before;
  }

  /** Sends what was prepared and waits until the gateway has closed the connection. */
  async release() {
    this.#held.release();
    await within(this.#closed, 'the end of the connection');
  }

  destroy() {
    this.#tls.destroy();
    this.#tcp.destroy();
  }
}

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

  /** Number of bytes that are kept. */
  get length() {
    return this.#kept.reduce((sum, { length }) => sum + length, 0);
  }

  /** Keeps what is written from now on. Returns the number of bytes that are kept already. */
  hold() {
    this.#kept ??= [];
    return this.length;
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
    timer = setTimeout(() => reject(new InvalidRunError(`a client waited too long for ${what}`)), TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
