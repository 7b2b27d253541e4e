// The files of the load generator: scripts that set a session up, blocks that are sent over and over (load/load.h says how they are read).
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Sender } from 'ws';
import { encodeChunk } from '../../dist/src/http/chunked.js';
import * as tsgu from '../../dist/src/protocol/index.js';
import { dialogue } from './dialogue.js';

const TRANSPORTS = { plain: 0, websocket: 1, dual: 2 };
const EXPECT = { nothing: 0, head: 1, pdu: 2 };
/** The generator counts its last digits up. */
const CONNECTION_ID = '00000000-0000-4000-8000-000000000000';
/** What Windows sends first on the OUT channel, and FreeRDP skips. */
const SEED = 10;
/** A client's block is at least this long, so that the same bytes come back only after many reads of everybody on the way. */
const BLOCK = 1 << 20;
/** Windows' largest frame fills a TLS record: header and key of RFC 6455 and the header of DATA go off the payload. */
const WEBSOCKET_OVERHEAD = 8;
const RECORD = 16 * 1024;

/** Payload of one PDU whose frame has `size` bytes. */
export const payloadOf = (size) => size - WEBSOCKET_OVERHEAD - tsgu.DATA_OVERHEAD;

/** Wraps PDUs as the client of a transport does; a plain one has none. */
const FRAMES = {
  websocket: (pdu) =>
    Buffer.concat(Sender.frame(Buffer.from(pdu), { fin: true, opcode: 2, mask: true, readOnly: false, rsv1: false })),
  dual: (pdu) => encodeChunk(pdu),
};

/** Writes the script of a transport; plain sessions are open when TLS is. */
export function writeScript(file, transport, session) {
  const steps = transport === 'plain' ? [] : [...heads(transport), ...pdus(transport, session)];
  const layout = tsgu.dissect(tsgu.DATA.encode({ data: Buffer.alloc(0) }));
  const placeOf = (name) => find(layout, name).offset;
  const numbers = [
    TRANSPORTS[transport],
    steps.length,
    tsgu.HEADER_LENGTH,
    placeOf('packetType'),
    tsgu.PKT_TYPE.DATA,
    placeOf('packetLength'),
    tsgu.DATA_OVERHEAD,
    transport === 'dual' ? SEED : 0,
  ];
  const parts = steps.flatMap(({ leg, expect, bytes }) => [words(leg, EXPECT[expect], bytes.length), bytes]);
  writeFileSync(file, Buffer.concat([words(...numbers), ...parts]));
  return file;
}

/** Writes `count` PDUs, or as many as make a block, of `payload` bytes each. */
export function writeBlock(file, transport, payload, count = Math.ceil(BLOCK / payload)) {
  const bytes = randomBytes(count * payload);
  const wire = [];
  for (let at = 0; at < bytes.length; at += payload) {
    const data = bytes.subarray(at, at + payload);
    wire.push(...(transport === 'plain' ? records(data) : [FRAMES[transport](tsgu.DATA.encode({ data }))]));
  }
  const lengths = wire.map((frame) => frame.length);
  writeFileSync(file, Buffer.concat([words(wire.length, bytes.length, ...lengths), ...wire, bytes]));
  return file;
}

function* records(data) {
  for (let at = 0; at < data.length; at += RECORD) yield data.subarray(at, at + RECORD);
}

function heads(transport) {
  const head = (method, ...more) =>
    Buffer.from(
      `${[
        `${method} /remoteDesktopGateway/ HTTP/1.1`,
        'Host: localhost',
        'Accept: */*',
        'User-Agent: MS-RDGateway/1.0',
        `RDG-Connection-Id: {${CONNECTION_ID}}`,
        'RDG-Auth-Scheme: PAA',
        ...more,
      ].join('\r\n')}\r\n\r\n`,
    );
  if (transport === 'websocket') {
    const key = randomBytes(16).toString('base64');
    const upgrade = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
    ];
    return [{ leg: 0, expect: 'head', bytes: head('RDG_OUT_DATA', ...upgrade) }];
  }
  return [
    { leg: 0, expect: 'head', bytes: head('RDG_OUT_DATA', 'Content-Length: 0') },
    { leg: 1, expect: 'head', bytes: head('RDG_IN_DATA', 'Content-Length: 0') },
    { leg: 1, expect: 'nothing', bytes: head('RDG_IN_DATA', 'Transfer-Encoding: chunked') },
  ];
}

function pdus(transport, session) {
  const said = dialogue(session).filter(({ from }) => from === 'client');
  const leg = transport === 'dual' ? 1 : 0;
  return said.map(({ pdu }) => ({ leg, expect: 'pdu', bytes: FRAMES[transport](pdu) }));
}

function find(span, name) {
  if (span.name === name) return span;
  for (const child of span.children ?? []) {
    const found = find(child, name);
    if (found) return found;
  }
  return undefined;
}

function words(...numbers) {
  const array = Uint32Array.from(numbers);
  return Buffer.from(array.buffer);
}
