import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Direction } from '../../../src/capture/conversation/conversation.js';
import { type InnerEvent, InnerReader, MAX_INNER_HELD } from '../../../src/capture/inner/index.js';
import { captureFile, dissectFile, keyFile } from '../../support/dissect.js';

const C = 'client-to-server';
const S = 'server-to-client';
type Chunk = readonly [Direction, Buffer];

/** The DATA payloads of a capture's only conversation. */
async function dataOf(name: string): Promise<Chunk[]> {
  const { pdus } = await dissectFile(captureFile(`${name}.gz`), keyFile(`${name.split('.')[0]}.keys`));
  return pdus.flatMap(({ direction, data }): Chunk[] => (data === undefined ? [] : [[direction, data]]));
}

const PLACE = { frame: 1, time: 5n };

function read(chunks: readonly Chunk[], end = true): InnerEvent[] {
  const reader = new InnerReader();
  const events = chunks.flatMap(([direction, data]) => [...reader.feed(direction, data, PLACE)]);
  return end ? [...events, ...reader.end(PLACE)] : events;
}

const from = (direction: Direction, hex: string): Chunk => [direction, Buffer.from(hex.replace(/\s/g, ''), 'hex')];
const request = (hex: string) => read([from(C, hex)], false);
const confirm = (hex: string) => read([from(S, hex)], false);

describe('recorded clients and desktops', () => {
  it.each([
    ['fr2-paa-ws.pcap', '\\lab'],
    ['fr2-paa-dual.pcapng', '\\lab'],
    ['fr2-ntlm-ws.pcapng', '\\lab'],
    ['fr3-ntlm-dual.pcapng', 'VM\\lab'],
    ['fr3-ext-ws.dsb.pcapng', 'VM\\lab'],
  ])('%s', async (name, cookie) => {
    const [request, confirm, security, ...more] = read(await dataOf(name));
    expect(request).toMatchObject({ type: 'x224-request', direction: C, cookie, problems: [] });
    expect(request).toMatchObject({ requestedProtocols: { value: 1, names: ['PROTOCOL_SSL'] }, flags: { value: 0 } });
    expect(confirm).toMatchObject({
      type: 'x224-confirm',
      direction: S,
      selectedProtocol: { value: 1 },
      problems: [],
    });
    expect(confirm).toMatchObject({
      flags: { value: 3, names: ['EXTENDED_CLIENT_DATA_SUPPORTED', 'DYNVC_GFX_PROTOCOL_SUPPORTED'] },
    });
    // tshark -d tcp.port==3389,tls shows the same version and server name.
    expect(security).toMatchObject({ type: 'security', label: 'TLS', version: 'TLS 1.3', sni: '127.0.0.1' });
    expect(more).toEqual([]);
  });

  it('the same events for every split', async () => {
    const chunks = (await dataOf('fr2-paa-ws.pcap')).slice(0, 6);
    const whole = read(chunks);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sizes) => {
        let n = 0;
        const cut = chunks.flatMap(([direction, data]) => {
          const pieces: Chunk[] = [];
          for (let at = 0; at < data.length; ) {
            const size = sizes[n++ % sizes.length] as number;
            pieces.push([direction, data.subarray(at, at + size)]);
            at += size;
          }
          return pieces;
        });
        expect(read(cut)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });
});

describe('connection request', () => {
  it('MS-RDPBCGR 4.1.1', () => {
    const [event, ...more] = request(`03 00 00 2c 27 e0 00 00 00 00 00 43 6f 6f 6b 69 65 3a 20 6d 73 74 73 68 61 73
      68 3d 65 6c 74 6f 6e 73 0d 0a 01 00 08 00 00 00 00 00`);
    expect(event).toEqual({
      type: 'x224-request',
      ...PLACE,
      direction: C,
      cookie: 'eltons',
      requestedProtocols: { value: 0, names: ['PROTOCOL_RDP'] },
      flags: { value: 0, names: [] },
      problems: [],
    });
    expect(more).toEqual([]);
  });

  it('with several protocols', () => {
    // From rdpgwnet-data-client in pdus.json.
    expect(request('0300 0013 0ee00000000000 01000800 0b000000')).toMatchObject([
      { requestedProtocols: { value: 11, names: ['PROTOCOL_SSL', 'PROTOCOL_HYBRID', 'PROTOCOL_HYBRID_EX'] } },
    ]);
  });

  it('with a routing token and correlation info', () => {
    const token = Buffer.from('Cookie: msts=3640205228.15629.0000\r\n').toString('hex');
    const body = `${token} 0108 0800 03000000 0600 2400 ${'a1'.repeat(16)} ${'00'.repeat(16)}`;
    const length = 7 + body.replace(/\s/g, '').length / 2;
    const head = `0300 00${(length + 4).toString(16)} ${(length - 1).toString(16)} e0 0000 0000 00`;
    expect(request(head + body)).toMatchObject([
      {
        routingToken: 'Cookie: msts=3640205228.15629.0000',
        flags: { value: 8, names: ['CORRELATION_INFO_PRESENT'] },
        correlationId: 'a1'.repeat(16),
        problems: [],
      },
    ]);
  });

  it('reports violations of the format', () => {
    expect(request('0300 0013 0fe00000000000 01000800 01000000')).toMatchObject([
      { problems: ['the lengths of TPKT and X.224 disagree'] },
    ]);
    expect(request('0300 0013 0ee00000000000 01080800 01000000')).toMatchObject([
      { problems: ['CORRELATION_INFO_PRESENT does not say what is there'] },
    ]);
    expect(request('0300 000f 0ae00000000000 1b5b0d0a')).toMatchObject([{ routingToken: '?[', problems: [] }]);
    expect(request('0300 000b 06e00000000000')).toMatchObject([{ problems: [] }]);
  });
});

describe('connection confirm', () => {
  it('without negotiation, MS-RDPBCGR 4.1.2, and with it', () => {
    expect(confirm('03 00 00 13 0e d0 00 00 12 34 00 02 00 08 00 00 00 00 00')).toMatchObject([
      { type: 'x224-confirm', selectedProtocol: { value: 0, names: ['PROTOCOL_RDP'] }, problems: [] },
    ]);
    const [bare] = confirm('0300 000b 06d00000123400');
    expect(bare).toEqual({ type: 'x224-confirm', ...PLACE, direction: S, problems: [] });
  });

  it.each([
    [1, 'SSL_REQUIRED_BY_SERVER', 'wants TLS'],
    [2, 'SSL_NOT_ALLOWED_BY_SERVER', 'standard RDP security'],
    [3, 'SSL_CERT_NOT_ON_SERVER', 'no usable certificate'],
    [4, 'INCONSISTENT_FLAGS', 'contradict'],
    [5, 'HYBRID_REQUIRED_BY_SERVER', 'network level authentication'],
    [6, 'SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER', 'certificate of the user'],
    [0xab, '0x000000ab', 'knows no such'],
  ])('failure %i is %s', (code, name, words) => {
    const number = code.toString(16).padStart(2, '0');
    const [event, ...more] = read([from(S, `0300 0013 0ed00000123400 03000800 ${number}000000`), from(C, '1603')]);
    expect(event).toMatchObject({ failure: { code, name, words: expect.stringContaining(words) } });
    expect(more).toEqual([]);
  });
});

describe('security', () => {
  const selected = (protocol: string) => from(S, `0300 0013 0ed00000123400 02000800 ${protocol}000000`);
  const record = from(S, '1703030001 00');

  it.each([
    ['01', 'TLS'],
    ['02', 'TLS (CredSSP inside)'],
    ['04', 'TLS (RDSTLS inside)'],
    ['08', 'TLS (CredSSP inside)'],
    ['10', 'TLS (RDS-AAD-Auth inside)'],
  ])('protocol %s: %s', (protocol, label) => {
    expect(read([selected(protocol), record]).slice(1)).toMatchObject([{ label, version: undefined }]);
  });

  it('is recognised by its bytes without an X.224 handshake', () => {
    expect(read([record])).toMatchObject([{ label: 'TLS' }]);
    expect(read([from(C, '0300 0008 02f08064')])).toMatchObject([{ label: 'RDP (standard security)' }]);
    expect(read([from(C, '47455420')])).toMatchObject([{ label: 'unknown' }]);
    expect(read([from(C, '0300 ffff 02e0')])).toMatchObject([{ label: 'unknown' }]);
  });

  it('has the alert that ended the handshake', () => {
    expect(read([from(C, '1603010004 01000000'), from(S, '1503030002 0228')])).toMatchObject([
      { label: 'TLS', alert: 'fatal handshake_failure' },
    ]);
  });

  it('is emitted with the answer of the server, or at the end', () => {
    expect(read([from(C, '1603010004 01000000')], false)).toEqual([]);
    expect(read([from(C, '1603010004 01000000')])).toMatchObject([{ label: 'TLS', version: undefined }]);
    const reader = new InnerReader();
    reader.gap(C);
    expect([...reader.feed(C, Buffer.from('junk'), PLACE), ...reader.end(PLACE)]).toEqual([]);
  });
});

describe('any input', () => {
  const kinds = [
    fc.uint8Array({ maxLength: 60 }),
    fc
      .constantFrom('0300', '030000', '0300001302e0', '16030120', '1603014000', '1703034801', '0300000b06e00000000000')
      .map((hex) => Buffer.from(hex, 'hex')),
    fc.nat(30_000).map((n) => Buffer.alloc(n, 0x16)),
  ];
  const chunk = fc.tuple(
    fc.constantFrom<Direction>(C, S),
    fc.oneof(...kinds).map((b) => Buffer.from(b)),
  );

  it('never throws, emits few events, and is buffered up to a limit', () => {
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
        const events = read(chunks);
        expect(events.length).toBeLessThanOrEqual(3);
        expect(events.filter(({ type }) => type === 'security').length).toBeLessThanOrEqual(1);
      }),
    );
    // The longest valid record fits into the buffer, and a longer one is rejected.
    expect(MAX_INNER_HELD).toBeGreaterThan(5 + 2 ** 14 + 2048);
    expect(read([from(S, '17030348 01')])).toMatchObject([{ label: 'unknown' }]);
  });
});
