// Creates a capture of gateway sessions under load, with TLS 1.3 and packets of the size of an Ethernet frame.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { FLAG, packetOf } from '../../dist/src/capture/write/packet.js';
import * as tsgu from '../../dist/src/protocol/index.js';
import { dialogue } from './dialogue.js';

/** TCP payload of an Ethernet frame, without the timestamps option. */
const MSS = 1460;
/**
 * PDU sizes in bytes, so that each frame fills one TLS record: 16 KiB from the gateway, 1400 bytes from the client. The
 * WebSocket header has 4 and 8 bytes.
 */
const DOWN = 16384 - 4;
const UP = 1400 - 8;
/** PDUs of the gateway for each PDU of the client. */
const DOWN_PER_UP = 2;
const CIPHER = 'TLS_AES_128_GCM_SHA256';
/** Nanoseconds between packets. */
const PACKET_INTERVAL = 20_000n;

/** Writes a classic pcap of about `bytes` bytes. Resolves with its key log and its bytes, packets and PDUs. */
export async function makeCapture(file, { bytes, sessions, key, cert }) {
  const out = new CaptureFile(file);
  const keyLines = [];
  const open = [];
  for (let number = 0; number < sessions; number++) {
    open.push(await Session.open(out, number, { key, cert, keylog: (line) => keyLines.push(line) }));
  }
  for (const session of open) await session.setUp();
  const down = frame(tsgu.DATA.encode({ data: Buffer.alloc(DOWN - tsgu.DATA_OVERHEAD, 0x5a) }), false);
  const up = frame(tsgu.DATA.encode({ data: Buffer.alloc(UP - tsgu.DATA_OVERHEAD, 0xa5) }), true);
  for (let round = 0; out.bytes < bytes; round++) {
    for (const session of open) {
      await session.pdu('server', down);
      if (round % DOWN_PER_UP === 0) await session.pdu('client', up);
    }
    await out.drained();
  }
  for (const session of open) session.close();
  await out.close();
  const pdus = open.reduce((sum, session) => sum + session.pdus, 0);
  return { keys: Buffer.concat(keyLines), bytes: out.bytes, packets: out.packets, pdus };
}

/** A client and a gateway in this process. Every byte between them is written to the capture. */
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
    const [client, server] = streamPair((from, bytes) => session.#capture(from, bytes));
    session.#raw = [client, server];
    session.#segment('client', FLAG.syn, 0);
    session.#segment('server', FLAG.syn | FLAG.ack, 0);
    const gateway = new tls.TLSSocket(server, { isServer: true, key, cert, minVersion: 'TLSv1.3', ciphers: CIPHER });
    const options = { socket: client, rejectUnauthorized: false, servername: 'gw.test', ciphers: CIPHER };
    const tlsClient = tls.connect(options);
    tlsClient.on('keylog', keylog);
    session.#sockets = { client: tlsClient, server: gateway };
    await once(tlsClient, 'secureConnect');
    for (const socket of [tlsClient, gateway]) socket.on('data', () => undefined);
    return session;
  }

  /** Sends everything from the WebSocket upgrade until the channel is open. */
  async setUp() {
    const id = `{00000000-0000-4000-8000-0000000${this.#ends.client.port}}`;
    const head = (lines) => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
    await this.#write(
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
    await this.#write(
      'server',
      head([
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      ]),
    );
    const pdus = dialogue({ token: 'bench', host: 'desk', port: 3389 });
    for (const { from, pdu } of pdus) await this.pdu(from, frame(pdu, from === 'client'));
  }

  async pdu(from, frame) {
    this.pdus++;
    await this.#write(from, frame);
  }

  /** Each write of at most 16 KiB becomes one TLS record. */
  async #write(from, bytes) {
    await new Promise((resolve, reject) => {
      this.#sockets[from].write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  close() {
    this.#segment('client', FLAG.fin | FLAG.ack, 0);
    this.#segment('server', FLAG.fin | FLAG.ack, 0);
    for (const socket of [...Object.values(this.#sockets), ...this.#raw]) socket.destroy();
  }

  #capture(from, bytes) {
    for (let offset = 0; offset < bytes.length; offset += MSS) {
      const data = bytes.subarray(offset, offset + MSS);
      this.#segment(from, FLAG.ack | FLAG.push, data.length, data);
      // The receiver acknowledges every second segment (RFC 1122 4.2.3.2).
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

/** Two connected streams, of client and server. `onBytes(from, bytes)` is called before the peer gets them. */
function streamPair(onBytes) {
  const make = (from, other) =>
    new Duplex({
      read: () => undefined,
      write(bytes, _encoding, done) {
        onBytes(from, bytes);
        other().push(bytes);
        done();
      },
    });
  const client = make('client', () => server);
  const server = make('server', () => client);
  return [client, server];
}

/** A final binary frame (RFC 6455 5.2). The masking key of the client is zero, so the payload stays as it is. */
function frame(pdu, masked) {
  const short = pdu.length < 126;
  const header = Buffer.alloc((short ? 2 : 4) + (masked ? 4 : 0));
  header[0] = 0x82;
  header[1] = (short ? pdu.length : 126) | (masked ? 0x80 : 0);
  if (!short) header.writeUInt16BE(pdu.length, 2);
  return Buffer.concat([header, pdu]);
}

/** Writes a classic pcap with nanosecond timestamps and raw IP packets. */
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
    this.#at += PACKET_INTERVAL;
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
