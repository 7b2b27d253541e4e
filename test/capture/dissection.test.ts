/** The stations joined: what is told, in which order, and what happens when something is missing. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KeyLog } from '../../src/capture/tls/keylog.js';
import type { CapturedPacket } from '../../src/capture/types.js';
import { captureFile, dissectFile, dissectPackets, keyFile, Told } from '../support/dissect.js';
import { packetsOf, pcapFile, type Segment } from '../support/pcap.js';
import { readCapture } from '../support/read-capture.js';
import { chunksOf, frame, framesOf, inTurn, pdusOf, Wire } from '../support/wire.js';
import { httpBytes, stream } from './http/vectors.js';

const PDUS: readonly { readonly id: string; readonly hex: string }[] = JSON.parse(
  readFileSync('test/vectors/pdus.json', 'utf8'),
);
const MASK = Buffer.from([1, 2, 3, 4]);

/** A WebSocket without TLS up to the first DATA each way, as FreeRDP 2.11.7 and a gateway spoke. */
function webSocket(wire = new Wire()): Segment[] {
  const client = framesOf(stream('fr2-paa-ws-client').wire).map((bytes) => () => wire.say('client', bytes));
  const server = framesOf(stream('fr2-paa-ws-server').wire).map((bytes) => () => wire.say('server', bytes));
  return [...greeting(wire), ...inTurn(client, server).flatMap((speak) => speak())];
}

function greeting(wire: Wire): Segment[] {
  // Of another client, so another id.
  const request = httpBytes('fr2-paa-ws-1-rdg-out-data').toString('latin1').replace('{da65a747', `{${wire.port}`);
  return [
    ...wire.open(),
    ...wire.say('client', Buffer.from(request, 'latin1')),
    ...wire.say('server', httpBytes('fr2-paa-ws-2-status-101')),
  ];
}

/** A WebSocket in which these PDUs of pdus.json are said; `client` or `server` in front of each. */
function saying(...words: readonly string[]): Segment[] {
  const wire = new Wire();
  const say = (word: string): Segment[] => {
    const [from, id] = word.split(' ');
    const pdu = Buffer.from(PDUS.find((one) => one.id === id)?.hex ?? '', 'hex');
    return from === 'client' ? wire.say('client', frame(pdu, MASK)) : wire.say('server', frame(pdu));
  };
  // In this order: each makes the numbers of what follows.
  return [...greeting(wire), ...words.flatMap(say), ...wire.close()];
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

function dissectSegments(segments: readonly Segment[]): Promise<Told> {
  return dissectFile(pcapFile(packetsOf(segments), { nanoseconds: true }));
}

function expectStream(told: Told, direction: 'client-to-server' | 'server-to-client', id: string): void {
  expect(told.of(direction).map(({ bytes }) => bytes.toString('hex'))).toEqual(
    pdusOf(stream(id).pdus).map((bytes) => bytes.toString('hex')),
  );
}

describe('without TLS, as behind a terminator', () => {
  it('a WebSocket', async () => {
    const told = await dissectSegments(webSocket());
    expectStream(told, 'client-to-server', 'fr2-paa-ws-client');
    expectStream(told, 'server-to-client', 'fr2-paa-ws-server');
    expect(told.codes).toEqual([]);
    expect(told.connections).toMatchObject([
      { conversation: { transport: 'websocket' }, opened: { syn: { frame: 1 }, tls: undefined } },
    ]);
  });

  it('the dual channel, its halves joined', async () => {
    const [out, into] = [new Wire(50_001), new Wire(50_002)];
    const { seed, pdus } = stream('fr2-paa-dual-server');
    const told = await dissectSegments([
      ...out.open(),
      ...out.say('client', httpBytes('fr2-paa-dual-out-1-rdg-out-data')),
      ...out.say('server', httpBytes('fr2-paa-dual-out-2-status-200')),
      ...out.say('server', seed),
      ...into.open(),
      ...into.say('client', httpBytes('fr2-paa-dual-in-1-rdg-in-data')),
      ...into.say('server', httpBytes('fr2-paa-dual-in-2-status-200')),
      ...into.say('client', httpBytes('fr2-paa-dual-in-3-rdg-in-data')),
      ...inTurn(
        chunksOf(stream('fr2-paa-dual-client').wire).map((bytes) => () => into.say('client', bytes)),
        pdusOf(pdus).map((bytes) => () => out.say('server', bytes)),
      ).flatMap((speak) => speak()),
    ]);
    expectStream(told, 'client-to-server', 'fr2-paa-dual-client');
    expectStream(told, 'server-to-client', 'fr2-paa-dual-server');
    expect(told.codes).toEqual([]);
    expect(told.connections).toHaveLength(1);
    expect(told.ends[0]?.conversation).toMatchObject({ transport: 'http', connections: [1, 2], established: true });
  });
});

describe('the order of what is told', () => {
  it('a conversation is introduced first, with what carries it, and ends last', async () => {
    const told = await dissectSegments([...webSocket(), ...new Wire(50_009).open()]);
    const types = told.lines.map((line) => (JSON.parse(line) as { type?: string }).type ?? 'pdu');
    expect(types[0]).toBe('connection');
    expect(types.at(-1)).toBe('end');
    expect(types.filter((type) => type === 'connection' || type === 'end')).toHaveLength(2);
    expect(types.indexOf('response')).toBeLessThan(types.indexOf('pdu'));
    expect(told.connections[0]?.conversation.transport).toBe('websocket');
  });

  it('conversations side by side are numbered as they appear, PDUs over the whole capture', async () => {
    const told = await dissectSegments(inTurn(webSocket(new Wire(50_001)), webSocket(new Wire(50_002))));
    expect(told.connections.map(({ conversation }) => conversation.client.port)).toEqual([50_001, 50_002]);
    expect(told.pdus.map(({ n }) => n)).toEqual(told.pdus.map((_, index) => index + 1));
    const [first, second] = [1, 2].map((number) => told.pdus.filter(({ conversation }) => conversation === number));
    expect(second?.map(({ name }) => name)).toEqual(first?.map(({ name }) => name));
    expect(told.pdus.slice(0, 2).map(({ conversation }) => conversation)).toEqual([1, 2]);
    expect(told.codes).toEqual([]);
  });

  it('counts packets, PDUs and conversations', async () => {
    const { packets } = await readCapture(pcapFile(packetsOf(webSocket())));
    const { Dissection } = await import('../../src/capture/dissection.js');
    const told = new Told();
    const dissection = new Dissection(told.take, new KeyLog());
    for (const packet of packets) dissection.packet(packet);
    dissection.finish();
    expect(dissection.counts).toEqual({
      packets: packets.length,
      segments: packets.length,
      evicted: 0,
      pdus: told.pdus.length,
      conversations: 1,
      ordinaryRequests: 0,
    });
  });
});

describe('keys', () => {
  const CAPTURE = 'fr2-paa-ws.pcap.gz';

  it('without them, one remark says what to do', async () => {
    const told = await dissectFile(captureFile(CAPTURE));
    expect(told.codes).toEqual(['TLS_NO_KEYS']);
    expect(told.notes[0]?.note.text).toContain('--keylog');
    expect(told.connections).toEqual([]);
  });

  it('that come in the middle of the capture open what came before', async () => {
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

describe('what is missing', () => {
  it('a capture that begins in the middle finds the frames', async () => {
    const segments = webSocket();
    const told = await dissectSegments(segments.slice(9));
    const whole = await dissectSegments(segments);
    expect(told.pdus.map(({ bytes }) => bytes)).toEqual(whole.pdus.slice(4).map(({ bytes }) => bytes));
    expect(told.connections[0]?.conversation.assumed).toBe(true);
    // Nobody knows what the first PDU answers, so that it is out of state cannot be said.
    expect(told.codes).not.toContain('OUT_OF_STATE');
  });

  it('a PDU cut short by the end is a remark and no PDU', async () => {
    const wire = new Wire();
    const [first = Buffer.alloc(0)] = framesOf(stream('fr2-paa-ws-client').wire);
    const told = await dissectSegments([...greeting(wire), ...wire.say('client', first.subarray(0, 12))]);
    expect(told.pdus).toEqual([]);
    expect(told.codes).toContain('PDU_CUT');
  });

  it('a request without an answer', async () => {
    const told = await dissectSegments(saying(...TUNNEL));
    expect(told.notes.map(({ note }) => note)).toMatchObject([
      { code: 'NO_ANSWER', severity: 'error', text: expect.stringContaining('PKT_TYPE_TUNNEL_CREATE') },
    ]);
  });
});

describe('what is wrong', () => {
  it('a refusal in plain words', async () => {
    const told = await dissectSegments(saying(...TUNNEL, 'server fr2-read-tunnel-response-59f8'));
    expect(told.pdus.at(-1)?.notes).toEqual(['STATUS']);
    expect(told.notes).toEqual([]);
  });

  it('a session that goes on after it', async () => {
    const words = [...TUNNEL, 'server fr2-read-tunnel-response-59f8', 'client fr2-paa-ws-tunnel-auth'];
    const told = await dissectSegments(saying(...words));
    expect(told.pdus.at(-1)?.notes).toEqual(['AFTER_REFUSAL']);
  });

  it('a session that goes on after a refusal that came too early', async () => {
    const words = TUNNEL.slice(0, 2).concat('server fr2-read-tunnel-response-59f8', 'client fr2-paa-ws-tunnel-auth');
    const told = await dissectSegments(saying(...words));
    expect(told.pdus.slice(-2).map(({ notes }) => notes)).toEqual([['STATUS', 'OUT_OF_STATE'], ['AFTER_REFUSAL']]);
  });

  it('DATA before the channel', async () => {
    const told = await dissectSegments(saying(...TUNNEL, 'client fr2-paa-ws-data-c1'));
    expect(told.pdus.at(-1)?.notes).toEqual(['OUT_OF_STATE']);
  });

  it('keep-alives that are echoed', async () => {
    const echo = ['server fr2-read-keepalive', 'client fr2-sent-keepalive'];
    const told = await dissectSegments(saying(...CHANNEL, ...echo, ...echo, ...echo));
    expect(told.pdus.slice(8).map(({ notes }) => notes.join())).toEqual([
      '',
      'KEEPALIVE_ECHO',
      'KEEPALIVE_ECHO',
      'KEEPALIVE_ECHO',
      'KEEPALIVE_ECHO',
      'KEEPALIVE_STORM',
    ]);
  });

  it('a whole session that is in order has no remark', async () => {
    const told = await dissectSegments(
      saying(...CHANNEL, 'client fr2-paa-ws-data-c1', 'server fr2-paa-ws-data-s1', 'server fr2-read-keepalive'),
    );
    expect(told.codes).toEqual([]);
    expect(told.ends).toMatchObject([{ how: { 'client-to-server': 'fin', 'server-to-client': 'fin' } }]);
  });
});
