import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  LINGER,
  MAX_CONNECTIONS_LISTED,
  MAX_CONVERSATIONS,
  MAX_SCHEMES_LISTED,
  MAX_STATUSES,
} from '../../../src/capture/conversation/conversation.js';
import { Conversations } from '../../../src/capture/conversation/conversations.js';
import type { ByteSink } from '../../../src/capture/types.js';
import { conversationsRecorder, finish, PLACE, play, type RecordedConversation, type Step } from '../http/recorder.js';
import { httpBytes, stream } from '../http/vectors.js';

const CLIENT = { address: '10.0.0.1', port: 50000 };
const SERVER = { address: '10.0.0.2', port: 443 };
const C2S = 'client-to-server';
const S2C = 'server-to-client';

const OUT: readonly Step[] = [
  ['client', httpBytes('fr2-paa-dual-out-1-rdg-out-data')],
  ['server', httpBytes('fr2-paa-dual-out-2-status-200')],
  ['server', httpBytes('fr2-paa-dual-out-seed')],
];
const IN: readonly Step[] = [
  ['client', httpBytes('fr2-paa-dual-in-1-rdg-in-data')],
  ['server', httpBytes('fr2-paa-dual-in-2-status-200')],
  ['client', httpBytes('fr2-paa-dual-in-3-rdg-in-data')],
];
const DUAL = { client: stream('fr2-paa-dual-client'), server: stream('fr2-paa-dual-server') };
const REFUSED = text('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n');

class Capture {
  readonly sink = conversationsRecorder();
  readonly conversations = new Conversations(this.sink);
  #next = 1;

  connect(client = CLIENT, server = SERVER, sawStart = true): ByteSink {
    return this.conversations.connection({ number: this.#next++, client, server, sawStart });
  }

  /** Plays a connection and ends it. */
  playToEnd(steps: readonly Step[]): void {
    const connection = this.connect();
    play(connection, steps);
    finish(connection);
  }

  get recorded(): readonly RecordedConversation[] {
    return this.sink.recorded;
  }

  get only(): RecordedConversation {
    expect(this.recorded).toHaveLength(1);
    return this.recorded[0] as RecordedConversation;
  }
}

describe('a WebSocket', () => {
  it('is a conversation of one connection', () => {
    const capture = new Capture();
    capture.playToEnd([
      ['client', httpBytes('fr2-ntlm-ws-1-rdg-out-data')],
      ['server', httpBytes('fr2-ntlm-ws-2-status-401')],
      ['client', httpBytes('fr2-ntlm-ws-3-rdg-out-data')],
      ['server', httpBytes('fr2-ntlm-ws-4-status-101')],
      ['client', stream('fr2-ntlm-ws-client').wire],
      ['server', stream('fr2-ntlm-ws-server').wire],
    ]);
    const { only } = capture;
    expect(only.conversation).toMatchObject({
      number: 1,
      transport: 'websocket',
      connectionId: '41312d13-ba7f-f4f7-d9d9-851705f82b44',
      client: CLIENT,
      gateway: SERVER,
      connections: [1],
      authSchemes: ['NTLM'],
      established: true,
      assumed: false,
    });
    expect(only.conversation.statuses.map(({ method, status }) => [method, status])).toEqual([
      ['RDG_OUT_DATA', 401],
      ['RDG_OUT_DATA', 101],
    ]);
    expect(only.all('bytes', C2S).equals(stream('fr2-ntlm-ws-client').pdus)).toBe(true);
    expect(only.all('bytes', S2C).equals(stream('fr2-ntlm-ws-server').pdus)).toBe(true);
    expect(only.events.slice(-3)).toEqual([['end', C2S, 'fin'], ['end', S2C, 'fin'], ['done']]);
  });

  it('has the values of RDG-User-Id and RDG-Auth-Scheme', () => {
    const capture = new Capture();
    play(capture.connect(), [
      [
        'client',
        text(
          'GET /remoteDesktopGateway/?ConId=%7BA%7D&UsrId=dQA%3D&AuthS=SSPI_NTLM HTTP/1.1\r\nUpgrade: websocket\r\n\r\n',
        ),
      ],
    ]);
    expect(capture.only.conversation).toMatchObject({
      connectionId: 'a',
      userId: 'u',
      authSchemes: ['SSPI_NTLM'],
      transport: 'websocket',
    });
  });
});

describe('the HTTP transport', () => {
  it.each(['OUT first', 'IN first'])('%s: two connections are one conversation', (order) => {
    const capture = new Capture();
    const out = capture.connect();
    const into = capture.connect(CLIENT, SERVER);
    if (order === 'OUT first') play(out, OUT);
    play(into, IN);
    if (order !== 'OUT first') play(out, OUT);
    play(into, [['client', DUAL.client.wire]]);
    play(out, [['server', DUAL.server.wire]]);
    play(into, [['client', text('0\r\n\r\n')]]);
    finish(into);
    expect(capture.only.of('done')).toEqual([]);
    finish(out);
    const { only } = capture;
    expect(only.conversation).toMatchObject({ transport: 'http', established: true, authSchemes: ['PAA'] });
    expect([...only.conversation.connections].sort()).toEqual([1, 2]);
    expect(only.all('bytes', C2S).equals(DUAL.client.pdus)).toBe(true);
    expect(only.all('bytes', S2C).equals(DUAL.server.pdus)).toBe(true);
    expect(only.events.slice(-3)).toEqual([['end', C2S, 'last chunk'], ['end', S2C, 'fin'], ['done']]);
  });

  it('bytes of both connections are emitted in the order of the capture', () => {
    const capture = new Capture();
    const [out, into] = [capture.connect(), capture.connect()];
    play(out, OUT);
    play(into, IN);
    play(into, [['client', httpBytes('fr2-paa-dual-in-first-chunk')]]);
    play(out, [['server', DUAL.server.wire.subarray(0, 18)]]);
    play(into, [['client', { gap: undefined }]]);
    expect(capture.only.events.filter(([what]) => what === 'bytes' || what === 'gap')).toEqual([
      ['bytes', C2S, DUAL.client.pdus.subarray(0, 14).toString('hex')],
      ['bytes', S2C, DUAL.server.pdus.subarray(0, 18).toString('hex')],
      ['gap', C2S, undefined],
    ]);
  });

  it('a reconnect under the same id is a new conversation', () => {
    const capture = new Capture();
    for (let round = 0; round < 2; round++) {
      const [out, into] = [capture.connect(), capture.connect()];
      play(out, OUT);
      play(into, [...IN, ['client', DUAL.client.wire]]);
      play(out, [['server', DUAL.server.wire]]);
      finish(out);
      finish(into);
    }
    expect(capture.recorded.map(({ conversation }) => [conversation.number, conversation.connections])).toEqual([
      [1, [1, 2]],
      [2, [3, 4]],
    ]);
    for (const one of capture.recorded) expect(one.all('bytes', C2S).equals(DUAL.client.pdus)).toBe(true);
  });

  it('a reconnect before the end of the first conversation is a new conversation and noted', () => {
    const capture = new Capture();
    play(capture.connect(), [...OUT, ['server', DUAL.server.wire]]);
    const out = capture.connect();
    play(out, OUT);
    play(capture.connect(), [...IN, ['client', DUAL.client.wire]]);
    expect(capture.recorded).toHaveLength(2);
    expect(capture.recorded[0]?.codes()).toEqual(['CONNECTION_ID_REUSED']);
    expect(capture.recorded[1]?.all('bytes', C2S).equals(DUAL.client.pdus)).toBe(true);
    expect(capture.recorded[0]?.of('bytes').some((event) => event[1] === C2S)).toBe(false);
  });

  it('a second IN channel is noted and ignored', () => {
    const capture = new Capture();
    play(capture.connect(), OUT);
    play(capture.connect(), [...IN, ['client', DUAL.client.wire]]);
    play(capture.connect(), [...IN, ['client', DUAL.client.wire]]);
    expect(capture.only.codes()).toEqual(['CHANNEL_SECOND']);
    expect(capture.only.all('bytes', C2S).equals(DUAL.client.pdus)).toBe(true);
  });
});

describe('refusals', () => {
  it('a retry on a new connection belongs to the same conversation', () => {
    const capture = new Capture();
    capture.playToEnd([
      ['client', httpBytes('fr2-paa-dual-out-1-rdg-out-data')],
      ['server', REFUSED],
    ]);
    expect(capture.only.of('done')).toEqual([]);
    capture.playToEnd([...OUT, ['server', DUAL.server.wire]]);
    expect(capture.only.conversation.statuses.map(({ connection, status }) => [connection, status])).toEqual([
      [1, 401],
      [2, 200],
    ]);
    expect(capture.only.of('done')).toHaveLength(1);
  });

  it('without a retry the conversation ends with the capture or after LINGER', () => {
    const capture = new Capture();
    const refused: readonly Step[] = [
      ['client', httpBytes('fr2-paa-dual-out-1-rdg-out-data')],
      ['server', REFUSED],
    ];
    capture.playToEnd(refused);
    const later = { frame: 9, time: LINGER + 1n };
    const other = capture.connect();
    other.bytes('client', httpBytes('fr3-ntlm-dual-out-1-rdg-out-data'), later);
    expect(capture.recorded.map((one) => one.of('done').length)).toEqual([1, 0]);
    capture.conversations.finish(later);
    expect(capture.recorded[1]?.events.slice(-3)).toEqual([
      ['end', C2S, 'capture ended'],
      ['end', S2C, 'capture ended'],
      ['done'],
    ]);
  });
});

describe('other traffic', () => {
  it('RPC over HTTP is noted', () => {
    const capture = new Capture();
    const target = '/rpc/rpcproxy.dll?localhost:3388 HTTP/1.1\r\nContent-Length: ';
    play(capture.connect(), [
      ['client', text(`RPC_OUT_DATA ${target}76\r\n\r\n${'x'.repeat(76)}`)],
      [
        'server',
        text('HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\nContent-Length: 1073741824\r\n\r\nxxxx'),
      ],
    ]);
    play(capture.connect(), [['client', text(`RPC_IN_DATA ${target}1073741824\r\n\r\nyyyy`)]]);
    expect(capture.only.conversation).toMatchObject({ transport: 'rpc', connections: [1, 2], established: true });
    expect(capture.only.codes()).toEqual(['RPC_TRANSPORT']);
    expect(capture.only.of('bytes')).toEqual([]);
  });

  it('ordinary HTTP is counted', () => {
    const capture = new Capture();
    capture.playToEnd([
      ['client', text('POST /KdcProxy HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n')],
      ['server', text('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n<html>')],
    ]);
    expect(capture.recorded).toEqual([]);
    expect([capture.conversations.ordinaryRequests, capture.conversations.count]).toEqual([2, 0]);
  });

  it('a tunnel without HTTP heads is a conversation', () => {
    const capture = new Capture();
    const [into, out] = [capture.connect(CLIENT, SERVER, false), capture.connect(CLIENT, SERVER, false)];
    play(into, [['client', DUAL.client.wire]]);
    play(out, [['server', DUAL.server.wire]]);
    expect(capture.only.conversation).toMatchObject({ transport: 'http', assumed: true, connections: [1, 2] });
    expect(capture.only.all('bytes', C2S).equals(DUAL.client.pdus)).toBe(true);
    expect(capture.only.all('bytes', S2C).equals(DUAL.server.pdus)).toBe(true);
  });

  it('requests of several clients on one connection of a proxy are separate conversations', () => {
    const capture = new Capture();
    const shared = capture.connect();
    play(shared, [
      ['client', httpBytes('fr2-paa-dual-out-1-rdg-out-data')],
      ['server', REFUSED],
      ['client', httpBytes('fr3-ntlm-dual-out-1-rdg-out-data')],
      ['server', REFUSED],
    ]);
    expect(capture.recorded.map(({ conversation }) => conversation.statuses.length)).toEqual([1, 1]);
  });
});

describe('limits', () => {
  it('of open conversations', () => {
    const capture = new Capture();
    const connection = capture.connect();
    for (let id = 0; id <= MAX_CONVERSATIONS; id++) {
      play(connection, [['client', text(`RDG_OUT_DATA / HTTP/1.1\r\nRDG-Connection-Id: {${id}}\r\n\r\n`)]]);
    }
    expect(capture.sink.notes).toEqual(['CONVERSATIONS_MANY']);
    expect(capture.recorded[0]?.of('done')).toHaveLength(1);
    expect(capture.recorded.filter((one) => one.of('done').length === 0)).toHaveLength(MAX_CONVERSATIONS);
  });

  it('of the lists in a conversation', () => {
    const capture = new Capture();
    for (let round = 0; round < MAX_CONNECTIONS_LISTED + 5; round++) {
      const head = `RDG_OUT_DATA / HTTP/1.1\r\nRDG-Connection-Id: {1}\r\nAuthorization: S${round}\r\n\r\n`;
      play(capture.connect(), [
        ['client', text(head)],
        ['server', REFUSED],
      ]);
    }
    const { connections, authSchemes, statuses } = capture.only.conversation;
    expect(connections).toHaveLength(MAX_CONNECTIONS_LISTED);
    expect(authSchemes).toHaveLength(MAX_SCHEMES_LISTED);
    expect(statuses).toHaveLength(MAX_STATUSES);
  });
});

describe('properties', () => {
  it('for any sequence of events each direction ends once and nothing follows its end', () => {
    const pieces = [
      ...OUT,
      ...IN,
      ['client', DUAL.client.wire],
      ['server', DUAL.server.wire],
      ['client', { gap: undefined }],
    ] as const;
    const action = fc.tuple(fc.nat(3), fc.oneof(fc.constantFrom<Step | 'end'>(...pieces, 'end')));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const capture = new Capture();
        const open = [0, 1, 2, 3].map(() => capture.connect());
        for (const [which, what] of actions) {
          const connection = open[which] as ByteSink;
          if (what !== 'end') play(connection, [what]);
          else {
            finish(connection);
            open[which] = capture.connect();
          }
        }
        for (const connection of open) finish(connection);
        capture.conversations.finish(PLACE);
        for (const one of capture.recorded) {
          expect(one.of('end')).toHaveLength(2);
          expect(one.events.at(-1)).toEqual(['done']);
          for (const direction of [C2S, S2C]) {
            const last = one.events.findLastIndex(([what, source]) => what === 'bytes' && source === direction);
            const end = one.events.findIndex(([what, source]) => what === 'end' && source === direction);
            expect(end).toBeGreaterThan(last);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}
