/** Expected results were compared with tshark 4.0.17 on files made by editcap and test/support/pcap.ts. */
import { describe, expect, it } from 'vitest';
import { EPOCH, packetsOf, pcapFile } from '../../support/pcap.js';
import { readCapture } from '../../support/read-capture.js';

const PACKETS = packetsOf([{ flags: 'S' }, { from: 'server', flags: 'SA' }, { data: 'hello' }]);
const TIMES = PACKETS.map(({ time }) => time);

describe('classic pcap', () => {
  it.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('big-endian %s, nanoseconds %s', async (bigEndian, nanoseconds) => {
    const { packets, problems } = await readCapture(pcapFile(PACKETS, { bigEndian, nanoseconds }));
    expect(problems).toEqual([]);
    expect(packets.map(({ bytes }) => bytes)).toEqual(PACKETS.map(({ bytes }) => bytes));
    expect(packets.map(({ time }) => time)).toEqual(TIMES);
    expect(packets.map(({ frame, linkType }) => [frame, linkType])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
  });

  it('keeps nanoseconds across the change of a second', async () => {
    const times = [EPOCH + 999_999_999n, EPOCH + 1_000_000_001n, EPOCH + 5n, 4_294_967_295_999_999_999n];
    const file = pcapFile(
      times.map((time) => ({ time, bytes: Buffer.alloc(60) })),
      { nanoseconds: true },
    );
    expect((await readCapture(file)).packets.map(({ time }) => time)).toEqual(times);
  });

  it('reports the original length of truncated packets', async () => {
    const file = pcapFile([{ time: EPOCH, bytes: Buffer.alloc(64), originalLength: 1514 }], { snapLength: 64 });
    const [packet] = (await readCapture(file)).packets;
    expect([packet?.bytes.length, packet?.originalLength]).toEqual([64, 1514]);
  });

  it('reads packets longer than the snap length in the header, as tshark does', async () => {
    const file = pcapFile([{ time: EPOCH, bytes: Buffer.alloc(70_000) }], { snapLength: 65_535 });
    expect((await readCapture(file)).packets[0]?.bytes.length).toBe(70_000);
  });

  it('reads an empty packet and a file without packets', async () => {
    expect((await readCapture(pcapFile([{ time: EPOCH, bytes: Buffer.alloc(0) }]))).packets.length).toBe(1);
    expect(await readCapture(pcapFile([]))).toEqual({ packets: [], secrets: [], problems: [] });
  });

  it('reads the link type from the lower 16 bits of its field', async () => {
    const file = pcapFile(PACKETS, { linkType: 0x50000000 + 113 });
    expect((await readCapture(file)).packets[0]?.linkType).toBe(113);
    const big = pcapFile(PACKETS, { linkType: 276, bigEndian: true });
    expect((await readCapture(big)).packets[0]?.linkType).toBe(276);
  });

  it.each([
    ['inside the body of a packet', 5, 'the file ends in the middle of a packet'],
    ['inside the header of a packet', (PACKETS[2]?.bytes.length ?? 0) + 3, 'the file ends in the middle of a packet'],
  ])('reports a file that ends %s', async (_, missing, message) => {
    const file = pcapFile(PACKETS);
    const { packets, problems } = await readCapture(file.subarray(0, file.length - missing));
    expect(packets.length).toBe(2);
    const offset = pcapFile(PACKETS.slice(0, 2)).length;
    expect(problems).toEqual([{ code: 'CAPTURE_TRUNCATED', message, offset }]);
  });

  it('reports a file that ends inside the file header', async () => {
    const { problems } = await readCapture(pcapFile(PACKETS).subarray(0, 23));
    expect(problems).toEqual([{ code: 'CAPTURE_TRUNCATED', message: 'the file ends inside its header', offset: 0 }]);
  });

  it.each([0xfffffff0, 0x7fffffff, 262_145])(
    'reports a packet of %i bytes as damage without buffering it',
    async (length) => {
      const file = pcapFile(PACKETS);
      const second = 24 + 16 + (PACKETS[0]?.bytes.length ?? 0);
      file.writeUInt32LE(length, second + 8);
      const { packets, problems } = await readCapture(file);
      expect(packets.length).toBe(1);
      expect(problems).toEqual([
        {
          code: 'CAPTURE_DAMAGED',
          message: `a packet of ${length} bytes, more than the 262144 that are possible`,
          offset: second,
        },
      ]);
    },
  );

  it('rejects other versions', async () => {
    const file = pcapFile(PACKETS);
    file.writeUInt16LE(9, 4);
    expect((await readCapture(file)).problems).toEqual([
      { code: 'CAPTURE_UNKNOWN', message: 'a pcap file of version 9.4, not 2.4', offset: 4 },
    ]);
  });
});
