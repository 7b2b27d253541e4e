/** The whole pipeline: events, their order, and incomplete captures. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KeyLog } from '../../src/capture/tls/keylog.js';
import type { CapturedPacket } from '../../src/capture/types.js';
import { captureFile, DissectionRecorder, dissectFile, dissectPackets, keyFile } from '../support/dissect.js';
import { packetsOf, pcapFile, type Segment } from '../support/pcap.js';
import { readCapture } from '../support/read-capture.js';
import { chunksOf, frame, framesOf, interleave, pdusOf, TcpConversation } from '../support/wire.js';
import { httpBytes, stream } from './http/vectors.js';

const PDUS: readonly { readonly id: string; readonly hex: string }[] = JSON.parse(
  readFileSync('test/vectors/pdus.json', 'utf8'),
);
const MASK = Buffer.from([1, 2, 3, 4]);

/** A WebSocket without TLS up to the first DATA each way, as recorded of FreeRDP 2.11.7 and a gateway. */
function webSocket(wire = new TcpConversation()): Segment[] {
  const client = framesOf(stream('fr2-paa-ws-client').wire).map((bytes) => () => wire.send('client', bytes));
  const server = framesOf(stream('fr2-paa-ws-server').wire).map((bytes) => () => wire.send('server', bytes));
  return [...upgrade(wire), ...interleave(client, server).flatMap((send) => send())];
}

function upgrade(wire: TcpConversation): Segment[] {
  // Each client port gets a connection id of its own.
  const request = httpBytes('fr2-paa-ws-1-rdg-out-data').toString('latin1').replace('{da65a747', `{${wire.port}`);
  return [
    ...wire.open(),
    ...wire.send('client', Buffer.from(request, 'latin1')),
    ...wire.send('server', httpBytes('fr2-paa-ws-2-status-101')),
  ];
}

/** A WebSocket with the given PDUs of pdus.json, each as `client ID` or `server ID`. */
function exchange(...messages: readonly string[]): Segment[] {
  const wire = new TcpConversation();
  const send = (message: string): Segment[] => {
    const [from, id] = message.split(' ');
    const pdu = Buffer.from(PDUS.find((one) => one.id === id)?.hex ?? '', 'hex');
    return from === 'client' ? wire.send('client', frame(pdu, MASK)) : wire.send('server', frame(pdu));
  };
  // The order matters: each call advances the sequence numbers.
  return [...upgrade(wire), ...messages.flatMap(send), ...wire.close()];
}

const TUNNEL = [
  'client fr2-paa-ws-handshake-request',
  'server fr2-paa-ws-handshake-response',
  'client fr2-paa-ws-tunnel-create',
];
const CHANNEL = [
  ...TUNNEL,
  'server fr2-paa-ws-tunnel-response',
  'client fr2-paa-ws-tunnel-auth',
  'server fr2-paa-ws-tunnel-auth-response',
  'client fr2-paa-ws-channel-create',
  'server fr2-paa-ws-channel-response',
];

function dissectSegments(segments: readonly Segment[]): Promise<DissectionRecorder> {
  return dissectFile(pcapFile(packetsOf(segments), { nanoseconds: true }));
}

function expectStream(
  result: DissectionRecorder,
  direction: 'client-to-server' | 'server-to-client',
  id: string,
): void {
  expect(result.of(direction).map(({ bytes }) => bytes.toString('hex'))).toEqual(
    pdusOf(stream(id).pdus).map((bytes) => bytes.toString('hex')),
  );
}

describe('without TLS, as behind a TLS terminator', () => {
  it('a WebSocket', async () => {
    const result = await dissectSegments(webSocket());
    expectStream(result, 'client-to-server', 'fr2-paa-ws-client');
    expectStream(result, 'server-to-client', 'fr2-paa-ws-server');
    expect(result.codes).toEqual([]);
    expect(result.connections).toMatchObject([
      { conversation: { transport: 'websocket' }, opened: { syn: { frame: 1 }, tls: undefined } },
    ]);
  });

  it('the OUT and IN channels are paired', async () => {
    const [out, into] = [new TcpConversation(50_001), new TcpConversation(50_002)];
    const { seed, pdus } = stream('fr2-paa-dual-server');
    const result = await dissectSegments([
      ...out.open(),
      ...out.send('client', httpBytes('fr2-paa-dual-out-1-rdg-out-data')),
      ...out.send('server', httpBytes('fr2-paa-dual-out-2-status-200')),
      ...out.send('server', seed),
      ...into.open(),
      ...into.send('client', httpBytes('fr2-paa-dual-in-1-rdg-in-data')),
      ...into.send('server', httpBytes('fr2-paa-dual-in-2-status-200')),
      ...into.send('client', httpBytes('fr2-paa-dual-in-3-rdg-in-data')),
      ...interleave(
        chunksOf(stream('fr2-paa-dual-client').wire).map((bytes) => () => into.send('client', bytes)),
        pdusOf(pdus).map((bytes) => () => out.send('server', bytes)),
      ).flatMap((send) => send()),
    ]);
    expectStream(result, 'client-to-server', 'fr2-paa-dual-client');
    expectStream(result, 'server-to-client', 'fr2-paa-dual-server');
    expect(result.codes).toEqual([]);
    expect(result.connections).toHaveLength(1);
    expect(result.ends[0]?.conversation).toMatchObject({ transport: 'http', connections: [1, 2], established: true });
  });
});

describe('the order of events', () => {
  it('begins with the connection and its transport, and ends with the end', async () => {
    const result = await dissectSegments([...webSocket(), ...new TcpConversation(50_009).open()]);
    const types = result.lines.map((line) => (JSON.parse(line) as { type?: string }).type ?? 'pdu');
    expect(types[0]).toBe('connection');
    expect(types.at(-1)).toBe('end');
    expect(types.filter((type) => type === 'connection' || type === 'end')).toHaveLength(2);
    expect(types.indexOf('response')).toBeLessThan(types.indexOf('pdu'));
    expect(result.connections[0]?.conversation.transport).toBe('websocket');
  });

  it('numbers conversations in order of appearance, and PDUs over the whole capture', async () => {
    const result = await dissectSegments(
      interleave(webSocket(new TcpConversation(50_001)), webSocket(new TcpConversation(50_002))),
    );
    expect(result.connections.map(({ conversation }) => conversation.client.port)).toEqual([50_001, 50_002]);
    expect(result.pdus.map(({ n }) => n)).toEqual(result.pdus.map((_, index) => index + 1));
    const [first, second] = [1, 2].map((number) => result.pdus.filter(({ conversation }) => conversation === number));
    expect(second?.map(({ name }) => name)).toEqual(first?.map(({ name }) => name));
    expect(result.pdus.slice(0, 2).map(({ conversation }) => conversation)).toEqual([1, 2]);
    expect(result.codes).toEqual([]);
  });

  it('counts packets, PDUs and conversations', async () => {
    const { packets } = await readCapture(pcapFile(packetsOf(webSocket())));
    const { Dissection } = await import('../../src/capture/dissection.js');
    const result = new DissectionRecorder();
    const dissection = new Dissection(result.record, new KeyLog());
    for (const packet of packets) dissection.packet(packet);
    dissection.finish();
    expect(dissection.counts).toEqual({
      packets: packets.length,
      segments: packets.length,
      evicted: 0,
      pdus: result.pdus.length,
      conversations: 1,
      ordinaryRequests: 0,
    });
  });
});

describe('TLS keys', () => {
  const CAPTURE = 'fr2-paa-ws.pcap.gz';

  it('that are missing are one note with a remedy', async () => {
    const result = await dissectFile(captureFile(CAPTURE));
    expect(result.codes).toEqual(['TLS_NO_KEYS']);
    expect(result.notes[0]?.note.text).toContain('--keylog');
    expect(result.connections).toEqual([]);
  });

  it('that arrive in the middle of the capture decrypt the packets before them', async () => {
    const { packets } = await readCapture(captureFile(CAPTURE));
    const [whole, late] = [dissectPackets(packets, keyFile('fr2-paa-ws.keys')), new KeyLog()];
    function* withKeys(): Generator<CapturedPacket> {
      for (const packet of packets) {
        if (packet.frame === 60) late.add(keyFile('fr2-paa-ws.keys'));
        yield packet;
      }
    }
    expect(dissectPackets(withKeys(), late).lines).toEqual(whole.lines);
  });
});

describe('an incomplete capture', () => {
  it('that begins mid-stream is read from the first frame that is found', async () => {
    const segments = webSocket();
    const result = await dissectSegments(segments.slice(9));
    const whole = await dissectSegments(segments);
    expect(result.pdus.map(({ bytes }) => bytes)).toEqual(whole.pdus.slice(4).map(({ bytes }) => bytes));
    expect(result.connections[0]?.conversation.assumed).toBe(true);
    // The state before the first PDU is unknown, so no PDU can be out of state.
    expect(result.codes).not.toContain('OUT_OF_STATE');
  });

  it('that ends within a PDU has a note and not the PDU', async () => {
    const wire = new TcpConversation();
    const [first = Buffer.alloc(0)] = framesOf(stream('fr2-paa-ws-client').wire);
    const result = await dissectSegments([...upgrade(wire), ...wire.send('client', first.subarray(0, 12))]);
    expect(result.pdus).toEqual([]);
    expect(result.codes).toContain('PDU_CUT');
  });

  it('that ends before an answer has a note', async () => {
    const result = await dissectSegments(exchange(...TUNNEL));
    expect(result.notes.map(({ note }) => note)).toMatchObject([
      { code: 'NO_ANSWER', severity: 'error', text: expect.stringContaining('PKT_TYPE_TUNNEL_CREATE') },
    ]);
  });
});

describe('notes on PDUs', () => {
  it('of a refusal', async () => {
    const result = await dissectSegments(exchange(...TUNNEL, 'server fr2-read-tunnel-response-59f8'));
    expect(result.pdus.at(-1)?.notes).toEqual(['STATUS']);
    expect(result.notes).toEqual([]);
  });

  it('of a session that continues after a refusal', async () => {
    const messages = [...TUNNEL, 'server fr2-read-tunnel-response-59f8', 'client fr2-paa-ws-tunnel-auth'];
    const result = await dissectSegments(exchange(...messages));
    expect(result.pdus.at(-1)?.notes).toEqual(['AFTER_REFUSAL']);
  });

  it('of a session that continues after a refusal without a request', async () => {
    const refused = ['server fr2-read-tunnel-response-59f8', 'client fr2-paa-ws-tunnel-auth'];
    const result = await dissectSegments(exchange(...TUNNEL.slice(0, 2), ...refused));
    expect(result.pdus.slice(-2).map(({ notes }) => notes)).toEqual([['STATUS', 'OUT_OF_STATE'], ['AFTER_REFUSAL']]);
  });

  it('of DATA before the channel', async () => {
    const result = await dissectSegments(exchange(...TUNNEL, 'client fr2-paa-ws-data-c1'));
    expect(result.pdus.at(-1)?.notes).toEqual(['OUT_OF_STATE']);
  });

  it('of echoed keep-alives', async () => {
    const echo = ['server fr2-read-keepalive', 'client fr2-sent-keepalive'];
    const result = await dissectSegments(exchange(...CHANNEL, ...echo, ...echo, ...echo));
    expect(result.pdus.slice(8).map(({ notes }) => notes.join())).toEqual([
      '',
      'KEEPALIVE_ECHO',
      'KEEPALIVE_ECHO',
      'KEEPALIVE_ECHO',
      'KEEPALIVE_ECHO',
      'KEEPALIVE_STORM',
    ]);
  });

  it('are absent from a correct session', async () => {
    const result = await dissectSegments(
      exchange(...CHANNEL, 'client fr2-paa-ws-data-c1', 'server fr2-paa-ws-data-s1', 'server fr2-read-keepalive'),
    );
    expect(result.codes).toEqual([]);
    expect(result.ends).toMatchObject([{ how: { 'client-to-server': 'fin', 'server-to-client': 'fin' } }]);
  });
});
