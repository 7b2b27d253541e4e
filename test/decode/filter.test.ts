import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../src/decode/filter.js';
import { Fault } from '../../src/fault.js';
import { ndjson, vector } from './helper.js';

/** The events of fr2-paa-dual that are shown: the name of a packet, else the type of the event. */
async function shown(filter: string): Promise<string[]> {
  const lines = await ndjson({ ...vector('fr2-paa-dual'), filter: parseFilter(filter) });
  return lines.map(({ type, name }) => (type === 'pdu' ? String(name).replace('PKT_TYPE_', '') : String(type)));
}

const count = (names: readonly string[], name: string): number => names.filter((one) => one === name).length;

describe('a filter', () => {
  it('accepts a type by short name, by full name in any case, and by number', async () => {
    expect(await shown('type=TUNNEL_CREATE')).toEqual(['TUNNEL_CREATE']);
    expect(await shown('type=pkt_type_tunnel_create')).toEqual(['TUNNEL_CREATE']);
    expect(await shown('type=4')).toEqual(['TUNNEL_CREATE']);
    expect(await shown('type=0x4')).toEqual(['TUNNEL_CREATE']);
  });

  it('accepts the kinds of events', async () => {
    expect(await shown('type=connection,end')).toEqual(['connection', 'end']);
    expect(new Set(await shown('type=http'))).toEqual(new Set(['http']));
    expect(await shown('type=pdu')).toHaveLength(4 + 33 + 4 + 37);
    expect(await shown('type=note,gap')).toEqual([]);
  });

  it('accepts several values, of which one must match, or with != none', async () => {
    const both = await shown('type=handshake_request,handshake_response');
    expect(both).toEqual(['HANDSHAKE_REQUEST', 'HANDSHAKE_RESPONSE']);
    const rest = await shown('type!=data,http,auth');
    expect(rest).toEqual([
      'connection',
      'HANDSHAKE_REQUEST',
      'HANDSHAKE_RESPONSE',
      'TUNNEL_CREATE',
      'TUNNEL_RESPONSE',
      'TUNNEL_AUTH',
      'TUNNEL_AUTH_RESPONSE',
      'CHANNEL_CREATE',
      'CHANNEL_RESPONSE',
      'end',
    ]);
  });

  it('accepts the sender', async () => {
    const [client, gateway] = [await shown('type=pdu direction=client'), await shown('type=pdu direction=server')];
    expect([client.length, count(client, 'DATA')]).toEqual([37, 33]);
    expect([gateway.length, count(gateway, 'DATA')]).toEqual([41, 37]);
    const heads = await ndjson({ ...vector('fr2-paa-dual'), filter: parseFilter('type=http direction=client') });
    expect(new Set(heads.map(({ kind }) => kind))).toEqual(new Set(['request']));
  });

  it('accepts the number of a conversation', async () => {
    expect(await shown('connection=1')).toEqual(await shown('type!=99'));
    expect(await shown('connection=2')).toEqual([]);
    expect(await shown('connection!=1')).toEqual([]);
  });

  it('accepts a status by number and by name, which packets without a status never match', async () => {
    const responses = ['HANDSHAKE_RESPONSE', 'TUNNEL_RESPONSE', 'TUNNEL_AUTH_RESPONSE', 'CHANNEL_RESPONSE'];
    expect(await shown('status=0')).toEqual(responses);
    expect(await shown('status=success')).toEqual(responses);
    expect(await shown('status=0x800759da')).toEqual([]);
    expect(await shown('type=pdu direction=server type!=data status!=0')).toEqual([]);
  });

  it('accepts a note by code and by severity', async () => {
    const { file } = vector('fr2-paa-dual');
    for (const filter of ['note=tls_no_keys', 'note=TLS_NO_KEYS', 'note=warning', 'note=error,warning'])
      expect(await ndjson({ file, filter: parseFilter(filter) }), filter).toHaveLength(2);
    expect(await ndjson({ file, filter: parseFilter('note=error') })).toEqual([]);
    expect(await shown('note=error,warning')).toEqual([]);
  });

  it('requires all terms to match', async () => {
    expect(await shown('direction=client  type=channel_create\tconnection=1')).toEqual(['CHANNEL_CREATE']);
    expect(await shown('direction=server type=channel_create')).toEqual([]);
  });

  for (const [text, message] of [
    ['', /1 to 32 terms/],
    ['   ', /1 to 32 terms/],
    ['type=data '.repeat(33), /1 to 32 terms/],
    ['type', /invalid term "type"; keys are type, direction/],
    ['type=', /invalid term/],
    ['=data', /invalid term/],
    ['frame=1', /invalid term "frame=1"/],
    ['constructor=1', /invalid term/],
    ['type>data', /invalid term/],
    ['type=dta', /unknown type "dta"/],
    ['type=data,', /unknown type ""/],
    ['type=constructor', /unknown type "constructor"/],
    ['direction=up', /client or server/],
    ['connection=one', /connection must be a number/],
    ['connection=-1', /connection must be a number/],
    ['status=', /invalid term/],
    ['status=nonsense', /unknown status "nonsense"/],
    ['note=fatal', /unknown note "fatal"/],
  ] as const) {
    it(`cannot be ${JSON.stringify(text.slice(0, 20))}`, () => {
      const parse = () => parseFilter(text);
      expect(parse).toThrow(Fault);
      expect(parse).toThrow(message);
      expect(parse).toThrow(expect.objectContaining({ kind: 'usage', code: 'FILTER_INVALID', place: '--filter' }));
    });
  }
});
