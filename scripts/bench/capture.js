// Makes a capture of busy gateway sessions: real TLS 1.3 of Node's OpenSSL around them, packets as large as Ethernet takes.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { FLAG, packetOf } from '../../dist/src/capture/write/packet.js';
import * as tsgu from '../../dist/src/protocol/index.js';
import { dialogue } from './dialogue.js';

/** TCP payload of an Ethernet frame, with the timestamps option left out. */
const MSS = 1460;
/** One TLS record each: 16 KiB of the gateway, 1.4 kB of the client, WebSocket and PDU headers included. */
const DOWN = 16384 - 4;
const UP = 1400 - 8;
/** Records of the gateway for one of the client. */
const DOWN_PER_UP = 2;
const CIPHER = 'TLS_AES_128_GCM_SHA256';
const STEP = 20_000n;

/** Writes a classic pcap of about `bytes` to `file`; resolves with its key log and what is in it. */
export async function makeCapture(file, { bytes, sessions, key, cert }) {
  const out = new CaptureFile(file);
  const lines = [];
  const live = [];
  for (let number = 0; number < sessions; number++) {
    live.push(await Session.open(out, number, { key, cert, keylog: (line) => lines.push(line) }));
  }
  for (const session of live) await session.setUp();
  const down = frame(tsgu.DATA.encode({ data: Buffer.alloc(DOWN - tsgu.DATA_OVERHEAD, 0x5a) }), false);
  const up = frame(tsgu.DATA.encode({ data: Buffer.alloc(UP - tsgu.DATA_OVERHEAD, 0xa5) }), true);
  for (let round = 0; out.bytes < bytes; round++) {
    for (const session of live) {
      await session.pdu('server', down);
      if (round % DOWN_PER_UP === 0) await session.pdu('client', up);
    }
    await out.drained();
  }
  for (const session of live) session.hangUp();
  await out.close();
  const pdus = live.reduce((sum, session) => sum + session.pdus, 0);
  return { keys: Buffer.concat(lines), bytes: out.bytes, packets: out.packets, pdus };
}

/** One client and its gateway in this process, connected by nothing but the capture. */
class Session {
  pdus = 0;
  #out;
  #ends;
  #sockets;
  #raw;
  #next = { client: 1, server: 1 };
  #unacknowledged = { client: 0, server: 0 };

  constructor(out, number) {
    this.#out = out;
    const end = (address, port) => ({ address, port, bytes: Buffer.from(address.split('.').map(Number)) });
    this.#ends = { client: end(`10.0.0.${number + 1}`, 40000 + number), server: end('10.0.1.1', 443) };
  }

  static async open(out, number, { key, cert, keylog }) {
    const session = new Session(out, number);
    const [client, server] = wirePair((from, bytes) => session.#wire(from, bytes));
    session.#raw = [client, server];
    session.#segment('client', FLAG.syn, 0);
    session.#segment('server', FLAG.syn | FLAG.ack, 0);
    const gateway = new tls.TLSSocket(server, { isServer: true, key, cert, minVersion: 'TLSv1.3', ciphers: CIPHER });
    const options = { socket: client, rejectUnauthorized: false, servername: 'gw.test', ciphers: CIPHER };
    const user = tls.connect(options);
    user.on('keylog', keylog);
    session.#sockets = { client: user, server: gateway };
    await once(user, 'secureConnect');
    for (const socket of [user, gateway]) socket.on('data', () => undefined);
    return session;
  }

  /** From the upgrade to the open channel. */
  async setUp() {
    const id = `{00000000-0000-4000-8000-0000000${this.#ends.client.port}}`;
    const head = (lines) => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
    await this.say(
      'client',
      head([
        'RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1',
        'Host: gw.test',
        `RDG-Connection-Id: ${id}`,
        'RDG-Auth-Scheme: PAA',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ]),
    );
    await this.say(
      'server',
      head([
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      ]),
    );
    const said = dialogue({ token: 'bench', host: 'desk', port: 3389 });
    for (const { from, pdu } of said) await this.pdu(from, frame(pdu, from === 'client'));
  }

  async pdu(from, frame) {
    this.pdus++;
    await this.say(from, frame);
  }

  /** One write is one TLS record, as long as it has at most 16 KiB. */
  async say(from, bytes) {
    await new Promise((resolve, reject) => {
      this.#sockets[from].write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  hangUp() {
    this.#segment('client', FLAG.fin | FLAG.ack, 0);
    this.#segment('server', FLAG.fin | FLAG.ack, 0);
    for (const socket of [...Object.values(this.#sockets), ...this.#raw]) socket.destroy();
  }

  #wire(from, bytes) {
    for (let offset = 0; offset < bytes.length; offset += MSS) {
      const data = bytes.subarray(offset, offset + MSS);
      this.#segment(from, FLAG.ack | FLAG.push, data.length, data);
      // The other side acknowledges every second segment (RFC 1122 4.2.3.2).
      const other = from === 'client' ? 'server' : 'client';
      this.#unacknowledged[other] += 1;
      if (this.#unacknowledged[other] >= 2) this.#segment(other, FLAG.ack, 0);
    }
  }

  #segment(from, flags, length, data = Buffer.alloc(0)) {
    const other = from === 'client' ? 'server' : 'client';
    const sequence = this.#next[from] - ((flags & FLAG.syn) !== 0 ? 1 : 0);
    this.#out.packet({
      source: this.#ends[from],
      destination: this.#ends[other],
      sequence,
      acknowledgement: (flags & FLAG.ack) !== 0 ? this.#next[other] : 0,
      flags,
      data,
    });
    this.#unacknowledged[from] = 0;
    this.#next[from] += length;
  }
}

/** Two ends of a wire that only remembers: what one writes is captured, then read by the other. */
function wirePair(captured) {
  const make = (from, other) =>
    new Duplex({
      read: () => undefined,
      write(bytes, _encoding, done) {
        captured(from, bytes);
        other().push(bytes);
        done();
      },
    });
  const client = make('client', () => server);
  const server = make('server', () => client);
  return [client, server];
}

/** A final binary frame (RFC 6455 5.2). The client's key is zero, which masks nothing. */
function frame(pdu, masked) {
  const short = pdu.length < 126;
  const header = Buffer.alloc((short ? 2 : 4) + (masked ? 4 : 0));
  header[0] = 0x82;
  header[1] = (short ? pdu.length : 126) | (masked ? 0x80 : 0);
  if (!short) header.writeUInt16BE(pdu.length, 2);
  return Buffer.concat([header, pdu]);
}

/** A classic pcap with nanoseconds and raw IP packets. */
class CaptureFile {
  packets = 0;
  bytes = 0;
  #stream;
  #at = 1_700_000_000_000_000_000n;

  constructor(file) {
    this.#stream = createWriteStream(file, { highWaterMark: 8 << 20 });
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b23c4d, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(262_144, 16);
    header.writeUInt32LE(101, 20);
    this.#put(header);
  }

  packet(segment) {
    this.packets++;
    this.#at += STEP;
    this.#put(packetOf({ ...segment, id: this.packets, at: this.#at, mss: MSS }));
  }

  #put(bytes) {
    this.bytes += bytes.length;
    this.#stream.write(bytes);
  }

  async drained() {
    if (this.#stream.writableNeedDrain) await once(this.#stream, 'drain');
  }

  async close() {
    this.#stream.end();
    await once(this.#stream, 'close');
  }
}
