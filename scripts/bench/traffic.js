// Writes the files of the load generator: scripts that set a session up, and blocks of traffic that are sent
// repeatedly. load/load.h has the format.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Sender } from 'ws';
import { encodeChunk } from '../../dist/src/http/chunked.js';
import * as tsgu from '../../dist/src/protocol/index.js';
import { dialogue } from './dialogue.js';

const TRANSPORTS = { plain: 0, websocket: 1, dual: 2 };
const EXPECT = { nothing: 0, head: 1, pdu: 2 };
/** The generator replaces the last digits with the number of the session. */
const CONNECTION_ID = '00000000-0000-4000-8000-000000000000';
/** Bytes before the first PDU on the OUT channel, as Windows sends them; FreeRDP skips them. */
const SEED = 10;
/** Minimum size of a client's block. The content must repeat only after many reads of relay and desktop. */
const BLOCK = 1 << 20;
/** Bytes of header and masking key (RFC 6455 5.2) of a frame of up to 64 KiB. */
const WEBSOCKET_OVERHEAD = 8;
/** The largest payload of a TLS record. */
const RECORD = 16 * 1024;

/** Payload in bytes of a DATA PDU whose frame has `size` bytes. */
export const payloadOf = (size) => size - WEBSOCKET_OVERHEAD - tsgu.DATA_OVERHEAD;

/** Frames a PDU as the client of a transport does. The plain transport has no PDUs. */
const FRAMES = {
  websocket: (pdu) =>
    Buffer.concat(Sender.frame(Buffer.from(pdu), { fin: true, opcode: 2, mask: true, readOnly: false, rsv1: false })),
  dual: (pdu) => encodeChunk(pdu),
};

/** Writes the script of a transport. A plain session is open as soon as TLS is. */
export function writeScript(file, transport, session) {
  const steps = transport === 'plain' ? [] : [...requests(transport), ...setupPdus(transport, session)];
  const layout = tsgu.dissect(tsgu.DATA.encode({ data: Buffer.alloc(0) }));
  const offsetOf = (name) => find(layout, name).offset;
  const fields = [
    TRANSPORTS[transport],
    steps.length,
    tsgu.HEADER_LENGTH,
    offsetOf('packetType'),
    tsgu.PKT_TYPE.DATA,
    offsetOf('packetLength'),
    tsgu.DATA_OVERHEAD,
    transport === 'dual' ? SEED : 0,
  ];
  const parts = steps.flatMap(({ channel, expect, bytes }) => [uint32s(channel, EXPECT[expect], bytes.length), bytes]);
  writeFileSync(file, Buffer.concat([uint32s(...fields), ...parts]));
  return file;
}

/** Writes a block of `count` PDUs with `payload` bytes each; without `count`, as many as fill `BLOCK` bytes. */
export function writeBlock(file, transport, payload, count = Math.ceil(BLOCK / payload)) {
  const bytes = randomBytes(count * payload);
  const frames = [];
  for (let at = 0; at < bytes.length; at += payload) {
    const data = bytes.subarray(at, at + payload);
    frames.push(...(transport === 'plain' ? records(data) : [FRAMES[transport](tsgu.DATA.encode({ data }))]));
  }
  const lengths = frames.map((frame) => frame.length);
  writeFileSync(file, Buffer.concat([uint32s(frames.length, bytes.length, ...lengths), ...frames, bytes]));
  return file;
}

function* records(data) {
  for (let at = 0; at < data.length; at += RECORD) yield data.subarray(at, at + RECORD);
}

/** The HTTP requests of a session. Channel 0 is the OUT channel or the WebSocket, channel 1 the IN channel. */
function requests(transport) {
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
    return [{ channel: 0, expect: 'head', bytes: head('RDG_OUT_DATA', ...upgrade) }];
  }
  return [
    { channel: 0, expect: 'head', bytes: head('RDG_OUT_DATA', 'Content-Length: 0') },
    { channel: 1, expect: 'head', bytes: head('RDG_IN_DATA', 'Content-Length: 0') },
    { channel: 1, expect: 'nothing', bytes: head('RDG_IN_DATA', 'Transfer-Encoding: chunked') },
  ];
}

function setupPdus(transport, session) {
  const pdus = dialogue(session).filter(({ from }) => from === 'client');
  const channel = transport === 'dual' ? 1 : 0;
  return pdus.map(({ pdu }) => ({ channel, expect: 'pdu', bytes: FRAMES[transport](pdu) }));
}

function find(span, name) {
  if (span.name === name) return span;
  for (const child of span.children ?? []) {
    const found = find(child, name);
    if (found) return found;
  }
  return undefined;
}

function uint32s(...numbers) {
  const array = Uint32Array.from(numbers);
  return Buffer.from(array.buffer);
}
