import { describe, expect, it } from 'vitest';
import { Counts } from '../../src/decode/conversation-counts.js';
import type { BarePdu } from '../../src/decode/hex.js';
import { CHANNEL_CREATE, TUNNEL_AUTH } from '../../src/protocol/index.js';
import { parseBarePdus } from '../support/bare.js';
import { run, summaryOf, VECTORS, vector } from './helper.js';

/** Setup PDUs, DATA PDUs and bytes of DATA, from the client and from the gateway, as counted twice by hand. */
const COUNTED: Readonly<Record<string, readonly (readonly [setUp: number, data: number, bytes: number])[]>> = {
  'fr2-paa-ws': [
    [4, 34, 3386],
    [4, 44, 325565],
  ],
  'fr2-paa-dual': [
    [4, 33, 3319],
    [4, 37, 258381],
  ],
  'fr2-ntlm-ws': [
    [4, 34, 3386],
    [4, 42, 326315],
  ],
  'fr3-ntlm-dual': [
    [4, 36, 4700],
    [4, 84, 394383],
  ],
  'fr3-ext-ws': [
    [6, 36, 4700],
    [6, 51, 395049],
  ],
};
const DATA = '10';

describe('the counts', () => {
  it.each(Object.keys(VECTORS))('of %s', async (name) => {
    const { conversations, problem, pdus } = await summaryOf(name);
    expect(problem).toBeNull();
    expect(conversations).toHaveLength(1);
    const [{ counts, dataBytes } = { counts: undefined, dataBytes: undefined }] = conversations;
    const found = (['client-to-server', 'server-to-client'] as const).map((direction) => {
      const { [DATA]: data, ...setUp } = counts?.[direction] ?? {};
      return [Object.values(setUp).reduce((sum, one) => sum + one, 0), data, dataBytes?.[direction]];
    });
    expect(found).toEqual(COUNTED[name]);
    expect(pdus).toBe(found.reduce((sum, [setUp = 0, data = 0]) => sum + setUp + data, 0));
  });
});

describe('the summary', () => {
  it('describes a conversation over the dual channel with NTLM', async () => {
    const { conversations } = await summaryOf('fr3-ntlm-dual');
    expect(conversations[0]).toMatchObject({
      connection: 1,
      transport: 'http',
      connectionId: 'eab1eccf-f1b6-090e-239e-c4ca7fef778b',
      client: '127.0.0.1:36640',
      gateway: '127.0.0.1:8452',
      user: 'LAB\\gwuser',
      clientName: 'vm',
      target: '127.0.0.1:33891',
      authSchemes: ['Negotiate'],
      tcpConnections: [1, 2],
      sawSyn: true,
      start: '2026-11-23T16:26:25.871778461Z',
      keepAlives: { 'client-to-server': 0, 'server-to-client': 0 },
      gaps: { 'client-to-server': 0, 'server-to-client': 0 },
      notes: [],
      notesLeftOut: 0,
    });
  });

  it('measures the time from the SYN to the open channel, the first DATA and the end', async () => {
    const { conversations } = await summaryOf('fr2-paa-ws');
    // The relative times of packets 20, 21 and the last one in tshark.
    expect(conversations[0]?.seconds).toEqual({
      toChannel: expect.closeTo(0.041922, 5),
      toFirstData: expect.closeTo(0.049263, 5),
      toEnd: expect.closeTo(3.756297, 5),
    });
  });

  it('is returned only with --json', async () => {
    for (const show of ['ndjson', 'tree', 'stats'] as const)
      expect((await run({ ...vector('fr2-paa-ws'), show })).result.summary).toBeNull();
  });

  it('limits the length of texts from the network', () => {
    const counts = new Counts();
    const [long, name] = ['x'.repeat(20_000), '\u0001'.repeat(200)];
    counts.pdu(pduOf(CHANNEL_CREATE.encode({ resources: [long], altResources: [], port: 3389, protocol: 3 })));
    counts.pdu(pduOf(TUNNEL_AUTH.encode({ clientName: name })));
    counts.note({ code: 'X', severity: 'note', section: '', text: long });
    const { target, clientName, notes } = counts.summary();
    expect(target).toMatch(/^x{1024}…:3389$/);
    expect(clientName).toBe(name);
    expect(JSON.stringify(notes).length).toBeLessThan(1200);
  });

  it('is unchanged by JSON', async () => {
    const summary = await summaryOf('fr3-ext-ws');
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });
});

function pduOf(bytes: Buffer): BarePdu {
  return parseBarePdus(bytes).pdus[0] as BarePdu;
}

describe('packets given as text', () => {
  const HANDSHAKE = '010000000e000000010000000200';
  const DATA_HI = '0a0000000c00000002006869';

  it('are summarized as one conversation, with their lines', async () => {
    const { result } = await run({ hex: `${HANDSHAKE}${DATA_HI}0d00`, show: 'nothing' });
    expect(result.summary).toMatchObject({
      packets: 0,
      pdus: 2,
      problem: null,
      conversations: [
        {
          connection: 1,
          transport: 'hex',
          client: null,
          counts: { 'client-to-server': { 1: 1, 10: 1 }, 'server-to-client': {} },
          dataBytes: { 'client-to-server': 2, 'server-to-client': 0 },
          notes: [{ code: 'PDU_CUT' }],
        },
      ],
      lines: [
        { type: 'pdu', n: 1 },
        { type: 'pdu', n: 2 },
        { type: 'note', code: 'PDU_CUT' },
      ],
    });
  });

  it('have the same members as a conversation of a capture', async () => {
    const [capture, text] = [
      await summaryOf('fr2-paa-ws'),
      (await run({ hex: HANDSHAKE, show: 'nothing' })).result.summary,
    ];
    expect(Object.keys(text?.conversations[0] ?? {}).sort()).toEqual(
      Object.keys(capture.conversations[0] ?? {}).sort(),
    );
  });
});
