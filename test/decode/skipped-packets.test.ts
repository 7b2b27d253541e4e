import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EPOCH, ethernet, frame, ip4, pcapFile, tcp } from '../support/pcap.js';
import { ndjson, run, vector } from './helper.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-skipped-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function capture(linkType: number, ...packets: Buffer[]): string {
  const file = join(folder, 'made.pcap');
  writeFileSync(
    file,
    pcapFile(
      packets.map((bytes) => ({ time: EPOCH, bytes })),
      { linkType },
    ),
  );
  return file;
}

const SEGMENT = frame({ flags: 'S', sequence: 0 });
const UDP = ethernet(ip4(tcp({}), 'client', { protocol: 17 }));
const REQUEST = frame({ data: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' });

describe('packets that are not decoded', () => {
  it('are reported if no conversation was found', async () => {
    const file = capture(105, SEGMENT, SEGMENT);
    const text = 'nothing was understood, and packets are not read: 2 of link type 105 (IEEE 802.11)';
    expect(await ndjson({ file })).toMatchObject([{ type: 'note', code: 'PACKETS_SKIPPED', text }]);
    for (const show of ['tree', 'stats'] as const)
      expect((await run({ file, show })).text.replace(/\n\s*/g, ' ')).toContain(text);
    const { result } = await run({ file, show: 'nothing' });
    expect(result.summary).toMatchObject({
      packets: 2,
      skipped: { 'unknown link type': 2 },
      notes: [{ code: 'PACKETS_SKIPPED' }],
    });
  });

  it('are reported with all reasons', async () => {
    const fragment = ethernet(ip4(tcp({}), 'client', { fragment: 0x2000 }));
    const file = capture(1, UDP, fragment, SEGMENT.subarray(0, 40), ethernet(Buffer.alloc(40), 0x0806));
    expect((await ndjson({ file }))[0]?.text).toMatch(
      /: 1 without IP, 1 without TCP, 1 in IP fragments, 1 cut too short by the capture$/,
    );
  });

  it('are not reported if there is TCP, since every capture has some', async () => {
    const file = capture(1, SEGMENT, REQUEST, UDP);
    expect(await ndjson({ file })).toEqual([]);
    const { result } = await run({ file, show: 'nothing' });
    expect(result.summary).toMatchObject({ skipped: { 'not tcp': 1 }, ordinaryRequests: 1, evictedConnections: 0 });
  });

  it('are none if everything could be decoded', async () => {
    const { result } = await run({ ...vector('fr2-paa-ws'), show: 'nothing' });
    expect(result.summary).toMatchObject({ skipped: {}, ordinaryRequests: 0, notes: [] });
  });
});
