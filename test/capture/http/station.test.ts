import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_SEEK_BYTES } from '../../../src/capture/conversation/resync.js';
import { MAX_HEAD_BYTES } from '../../../src/capture/http/head-reader.js';
import { HttpStation } from '../../../src/capture/http/station.js';
import { pdusOf } from '../../support/wire.js';
import { finish, httpRecorder, play, type Step } from './recorder.js';
import { HTTP, httpBytes, stream } from './vectors.js';

const ADDRESSES = { client: { address: '10.0.0.1', port: 50000 }, server: { address: '10.0.0.2', port: 443 } };

function station(steps: readonly Step[], { cuts = [] as readonly number[], sawStart = true, secrets = false } = {}) {
  const recorder = httpRecorder();
  const tested = new HttpStation({ number: 1, ...ADDRESSES, sawStart }, recorder.sink, { secrets });
  play(tested, steps, cuts);
  finish(tested);
  return recorder;
}

const WEBSOCKET: readonly Step[] = [
  ['client', httpBytes('fr2-ntlm-ws-1-rdg-out-data')],
  ['server', httpBytes('fr2-ntlm-ws-2-status-401')],
  ['client', httpBytes('fr2-ntlm-ws-3-rdg-out-data')],
  ['server', httpBytes('fr2-ntlm-ws-4-status-101')],
  ['client', stream('fr2-ntlm-ws-client').wire],
  ['server', stream('fr2-ntlm-ws-server').wire],
];
const OUT: readonly Step[] = [
  ['client', httpBytes('fr3-ntlm-dual-out-1-rdg-out-data')],
  ['server', httpBytes('fr3-ntlm-dual-out-2-status-401')],
  ['client', httpBytes('fr3-ntlm-dual-out-3-rdg-out-data')],
  ['server', httpBytes('fr3-ntlm-dual-out-4-status-200')],
  ['server', httpBytes('fr3-ntlm-dual-out-seed')],
  ['server', stream('fr3-ntlm-dual-server').wire],
];
const IN: readonly Step[] = [
  ['client', httpBytes('fr3-ntlm-dual-in-1-rdg-in-data')],
  ['server', httpBytes('fr3-ntlm-dual-in-2-status-401')],
  ['client', httpBytes('fr3-ntlm-dual-in-3-rdg-in-data')],
  ['server', httpBytes('fr3-ntlm-dual-in-4-status-200')],
  ['client', httpBytes('fr3-ntlm-dual-in-5-rdg-in-data')],
  ['client', stream('fr3-ntlm-dual-client').wire],
];
const SESSIONS = { WEBSOCKET, OUT, IN };

describe('a WebSocket', () => {
  const result = station(WEBSOCKET);

  it('emits its heads and both streams', () => {
    expect(result.of('request').map((event) => event[2])).toMatchObject([
      { kind: 'out', upgrade: true, connectionId: '41312d13-ba7f-f4f7-d9d9-851705f82b44' },
      { kind: 'out', upgrade: true },
    ]);
    expect(result.of('response')).toEqual([
      ['response', 401, 'out'],
      ['response', 101, 'out'],
    ]);
    expect(result.of('upgrade')).toEqual([['upgrade', 'websocket', undefined, false]]);
    expect(result.all('tunnel', 'client').equals(stream('fr2-ntlm-ws-client').pdus)).toBe(true);
    expect(result.all('tunnel', 'server').equals(stream('fr2-ntlm-ws-server').pdus)).toBe(true);
    expect(result.codes()).toEqual([]);
  });

  it('emits the three NTLM messages without their secrets', () => {
    const types = result.of('auth').map((event) => (event[3] as { token: { ntlm: { type: string } } }).token.ntlm.type);
    expect(types).toEqual(['negotiate', 'challenge', 'authenticate']);
    expect(JSON.stringify(result.events)).not.toMatch(/TlRMTVNTUA|secrets/);
    const open = station(WEBSOCKET, { secrets: true });
    expect(JSON.stringify(open.events)).toMatch(/TlRMTVNTUA.*ntResponse/s);
  });

  it('accepts every recorded Sec-WebSocket-Accept and notes a wrong one', () => {
    for (const id of ['fr2-paa-ws', 'fr3-ext-ws']) {
      const steps = [`${id}-1-rdg-out-data`, `${id}-2-status-101`].map(httpBytes);
      expect(
        station([
          ['client', steps[0] as Buffer],
          ['server', steps[1] as Buffer],
        ]).codes(),
      ).toEqual([]);
    }
    const wrong = httpBytes('fr2-paa-ws-2-status-101').toString('latin1').replace('A4DW', 'XXXX');
    const noted = station([
      ['client', httpBytes('fr2-paa-ws-1-rdg-out-data')],
      ['server', Buffer.from(wrong)],
    ]);
    expect(noted.codes()).toEqual(['WS_ACCEPT_WRONG']);
  });

  it('keeps frames that arrive with the head or before the 101', () => {
    const client = stream('fr2-paa-ws-client');
    const early = station([
      ['client', Buffer.concat([httpBytes('fr2-paa-ws-1-rdg-out-data'), client.wire])],
      ['server', Buffer.concat([httpBytes('fr2-paa-ws-2-status-101'), stream('fr2-paa-ws-server').wire])],
    ]);
    expect(early.all('tunnel', 'client').equals(client.pdus)).toBe(true);
    expect(early.all('tunnel', 'server').equals(stream('fr2-paa-ws-server').pdus)).toBe(true);
  });

  it('of another service is ignored', () => {
    const other = station([
      ['client', text('GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n')],
      ['server', text('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n')],
      ['client', stream('fr2-paa-ws-client').wire],
      ['server', stream('fr2-paa-ws-server').wire],
    ]);
    expect(other.events.map(([what]) => what)).toEqual(['request', 'response', 'end', 'end']);
  });
});

describe('the HTTP transport', () => {
  it('OUT channel: 10 bytes of seed, then PDUs until the connection closes', () => {
    const result = station(OUT);
    expect(result.of('upgrade')).toEqual([['upgrade', 'http', 'out', false]]);
    expect(result.all('tunnel', 'server').equals(stream('fr3-ntlm-dual-server').pdus)).toBe(true);
    expect(result.codes()).toEqual([]);
  });

  it('IN channel: chunks after the second request, and their end', () => {
    const result = station([...IN, ['client', text('0\r\n\r\n')]]);
    expect(result.of('upgrade')).toEqual([['upgrade', 'http', 'in', false]]);
    expect(result.all('tunnel', 'client').equals(stream('fr3-ntlm-dual-client').pdus)).toBe(true);
    expect(result.of('bodyEnd')).toEqual([['bodyEnd', 'client']]);
    expect(result.codes()).toEqual([]);
  });

  it('an upgrade answered with 200 is an OUT channel, also with a second request on it', () => {
    const result = station([
      ['client', httpBytes('fr2-live-out-upgrade-answered-200')],
      ['server', text('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n')],
      ['client', httpBytes('fr2-live-out-upgrade-answered-200')],
      ['server', chunk(stream('fr2-paa-dual-server').pdus)],
      ['server', text('0\r\n\r\n')],
    ]);
    expect(result.all('tunnel', 'server').equals(stream('fr2-paa-dual-server').pdus)).toBe(true);
    expect(result.of('request')).toHaveLength(2);
    expect(result.of('bodyEnd')).toEqual([['bodyEnd', 'server']]);
  });

  it('an IN channel with a huge Content-Length instead of chunks, as some proxies send it', () => {
    const head = text('RDG_IN_DATA /remoteDesktopGateway/ HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n');
    const { pdus } = stream('fr2-paa-dual-client');
    expect(
      station([['client', Buffer.concat([head, pdus])]])
        .all('tunnel', 'client')
        .equals(pdus),
    ).toBe(true);
  });

  it.each([
    [0, ['HTTP_SEED_MISSING']],
    [10, []],
    [100, ['HTTP_SEED_LENGTH']],
  ])('a seed of %i bytes', (length, codes) => {
    const { pdus } = stream('fr2-paa-dual-server');
    for (const cuts of [[], [1], [7, 60]]) {
      const result = station(
        [
          ['client', httpBytes('fr2-paa-dual-out-1-rdg-out-data')],
          ['server', httpBytes('fr2-paa-dual-out-2-status-200')],
          ['server', Buffer.concat([Buffer.alloc(length, 0xab), pdus])],
        ],
        { cuts },
      );
      expect(result.codes()).toEqual(codes);
      expect(result.all('tunnel', 'server').equals(pdus)).toBe(true);
    }
  });

  it('a page instead of a tunnel', () => {
    const page = text('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>hello</html>  ');
    const result = station([
      ['client', httpBytes('fr2-paa-dual-out-1-rdg-out-data')],
      ['server', page],
    ]);
    expect(result.codes()).toEqual(['HTTP_OUT_NO_TUNNEL']);
    expect(result.of('tunnel')).toEqual([]);
  });

  it('skips the body of a 401, and a 100', () => {
    const result = station([
      ['client', httpBytes('fr2-paa-dual-in-1-rdg-in-data')],
      ['server', text('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 12\r\n\r\nHTTP/1.1 999')],
      ['client', httpBytes('fr2-paa-dual-in-1-rdg-in-data')],
      ['server', httpBytes('fr2-paa-dual-in-2-status-200')],
    ]);
    expect(result.of('response')).toEqual([
      ['response', 100, undefined],
      ['response', 401, 'in'],
      ['response', 200, 'in'],
    ]);
  });
});

describe('bytes that are not HTTP', () => {
  it.each([
    ['SSH', text('SSH-2.0-OpenSSH_9.2\r\n')],
    ['noise', Buffer.from([1, 2, 3, 0x82, 5])],
    ['HTTP/2', text('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ])('%s: no events', (_, bytes) => {
    expect(
      station([
        ['client', bytes],
        ['server', bytes],
        ['client', bytes],
      ]).events.map(([what]) => what),
    ).toEqual(['end', 'end']);
  });

  it('a head that is too long is skipped and a later one found; after too many bytes the direction is given up', () => {
    const endless = text(`RDG_OUT_DATA /x HTTP/1.1\r\nA: ${'b'.repeat(MAX_HEAD_BYTES)}`);
    const result = station([
      ['client', httpBytes('fr2-paa-dual-in-1-rdg-in-data')],
      ['client', endless],
      ['client', httpBytes('fr2-paa-dual-in-1-rdg-in-data')],
    ]);
    expect(result.codes()).toEqual(['HTTP_HEAD_TOO_LONG', 'HTTP_FOUND']);
    expect(result.of('request')).toHaveLength(2);
    const lost = station([
      ['client', httpBytes('fr2-paa-dual-in-1-rdg-in-data')],
      ['client', Buffer.alloc(MAX_SEEK_BYTES + 9)],
    ]);
    expect(lost.codes()).toEqual(['HTTP_UNEXPECTED', 'HTTP_GIVEN_UP']);
  });
});

describe('gaps and captures that begin mid-stream', () => {
  const ws = { client: stream('fr3-ext-ws-client'), server: stream('fr3-ext-ws-server') };

  it('over the heads: a WebSocket is recognised by frames with PDUs', () => {
    const result = station([
      ['client', { gap: 400 }],
      ['client', ws.client.wire],
      ['server', { gap: undefined }],
      ['server', ws.server.wire],
    ]);
    expect(result.of('upgrade')).toEqual([['upgrade', 'websocket', undefined, true]]);
    expect(result.codes()).toContain('TUNNEL_ASSUMED');
    expect(result.all('tunnel', 'client').equals(ws.client.pdus)).toBe(true);
    expect(result.all('tunnel', 'server').equals(ws.server.pdus)).toBe(true);
  });

  it('over the 101: a WebSocket is recognised by its request', () => {
    const result = station([
      ['client', httpBytes('fr3-ext-ws-1-rdg-out-data')],
      ['server', { gap: 129 }],
      ['client', ws.client.wire],
      ['server', ws.server.wire],
    ]);
    expect(result.all('tunnel', 'client').equals(ws.client.pdus)).toBe(true);
    expect(result.all('tunnel', 'server').equals(ws.server.pdus)).toBe(true);
  });

  it.each(['websocket', 'chunk', 'pdu'] as const)('before the first byte: %s', (landmark) => {
    const { pdus, wire } = landmark === 'websocket' ? ws.client : stream('fr3-ntlm-dual-client');
    const bytes = landmark === 'pdu' ? pdus : wire;
    for (const cuts of [[], [1], [4, 9]]) {
      const result = station([['client', bytes]], { sawStart: false, cuts });
      expect(result.all('tunnel', 'client').equals(pdus)).toBe(true);
      expect(result.of('upgrade')).toEqual([
        ['upgrade', landmark === 'websocket' ? 'websocket' : 'http', undefined, true],
      ]);
    }
  });

  it('before the first byte, with a start in the middle of a frame', () => {
    const result = station([['server', ws.server.wire.subarray(7)]], { sawStart: false });
    expect(ws.server.pdus.subarray(-1000).equals(result.all('tunnel', 'server').subarray(-1000))).toBe(true);
  });

  it('in a chunk: the next chunk is found', () => {
    const { wire, pdus } = stream('fr3-ntlm-dual-client');
    const result = station([
      ...IN.slice(0, 5),
      ['client', wire.subarray(0, 10)],
      ['client', { gap: 30 }],
      ['client', wire.subarray(40)],
    ]);
    expect(result.of('gap')).toEqual([['gap', 'client', undefined, 'missing']]);
    const after = Buffer.from(result.of('tunnel').at(-1)?.[2] as string, 'hex');
    expect(after.length).toBeGreaterThan(1000);
    expect(pdus.subarray(-after.length).equals(after)).toBe(true);
  });

  it('over the request of an OUT channel: it is recognised by chunks with PDUs', () => {
    const { pdus } = stream('fr3-ntlm-dual-server');
    const chunk = (bytes: Buffer): Buffer =>
      Buffer.concat([text(`${bytes.length.toString(16)}\r\n`), bytes, text('\r\n')]);
    const head = text('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    const result = station([
      ['client', text('\x01\x02 damaged')],
      ['server', head],
      ['server', Buffer.concat([chunk(Buffer.alloc(10, 0xab)), ...pdusOf(pdus).map(chunk)])],
    ]);
    expect(result.of('upgrade')).toEqual([['upgrade', 'http', undefined, true]]);
    expect(result.all('tunnel', 'server').equals(pdus)).toBe(true);
    expect(result.codes()).toEqual(['HTTP_FOUND', 'TUNNEL_ASSUMED']);
  });

  it('over a request for a page: the response after its chunks is read', () => {
    const page = text(
      'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
    );
    const result = station([['server', Buffer.concat([page, page])]], { sawStart: false });
    expect(result.of('response')).toHaveLength(2);
  });

  it('are unreadable, not missing, at an invalid chunk', () => {
    const result = station([...IN.slice(0, 5), ['client', text('2\r\nhim\r\n')]]);
    expect(result.codes()).toContain('HTTP_CHUNK_BAD');
    expect(result.of('gap')).toEqual([['gap', 'client', undefined, 'unreadable']]);
  });

  it('of known length in an OUT body are skipped', () => {
    const { wire } = stream('fr3-ntlm-dual-server');
    const result = station([
      ...OUT.slice(0, 5),
      ['server', wire.subarray(0, 50)],
      ['server', { gap: 100 }],
      ['server', wire.subarray(150)],
    ]);
    expect(result.of('gap')).toEqual([['gap', 'server', 100, 'missing']]);
    expect(result.all('tunnel', 'server')).toHaveLength(wire.length - 100);
  });
});

describe('properties', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 });

  it.each(Object.entries(SESSIONS))('%s: any split gives the same events', (_, steps) => {
    fc.assert(
      fc.property(cuts, (sizes) => {
        expect(station(steps, { cuts: sizes }).events).toEqual(station(steps).events);
      }),
      { numRuns: 25 },
    );
    expect(station(steps, { cuts: [1] }).events).toEqual(station(steps).events);
  });

  it('damaged sessions never throw, and any split gives the same events', () => {
    const piece = fc
      .tuple(
        fc.constantFrom(...Object.values(SESSIONS).flat(), ...HTTP.map(({ id }): Step => ['client', httpBytes(id)])),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        fc.nat(),
        fc.boolean(),
      )
      .map(([[from, what], changes, cut, drop]): Step => {
        if (!Buffer.isBuffer(what) || drop) return [from, { gap: cut % 5 === 0 ? undefined : cut % 900 }];
        const bytes = Buffer.from(what);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return [from, cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes];
      });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), cuts, fc.boolean(), (steps, sizes, sawStart) => {
        expect(station(steps, { cuts: sizes, sawStart }).events).toEqual(station(steps, { sawStart }).events);
      }),
      { numRuns: 150 },
    );
  });
});

function chunk(bytes: Buffer): Buffer {
  return Buffer.concat([text(`${bytes.length.toString(16)}\r\n`), bytes, text('\r\n')]);
}

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}
