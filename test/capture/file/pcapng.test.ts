/** Expected results were compared with tshark 4.0.17 on files made by editcap, mergecap and test/support/pcap.ts. */
import { describe, expect, it } from 'vitest';
import { MAX_BLOCK_BYTES } from '../../../src/capture/file/pcapng.js';
import { EPOCH, frame, pcapng } from '../../support/pcap.js';
import { readCapture } from '../../support/read-capture.js';

const BYTES = frame({ data: 'hello' });

describe.each([false, true])('pcapng, big-endian %s', (bigEndian) => {
  const { section, interface: description, enhanced, simple, obsolete, secrets, block } = pcapng(bigEndian);
  const read = (...blocks: Buffer[]) => readCapture(Buffer.concat([section(), ...blocks]));

  it.each([
    ['the default, microseconds', undefined, undefined, EPOCH / 1000n, EPOCH],
    ['milliseconds', 3, undefined, 1_795_392_000_123n, EPOCH + 123_000_000n],
    ['nanoseconds', 9, undefined, EPOCH + 7n, EPOCH + 7n],
    ['whole seconds', 0, undefined, EPOCH / 1_000_000_000n, EPOCH],
    ['picoseconds', 12, undefined, 1_999n, 1n],
    ['units of 2^-20 s', 0x80 | 20, undefined, 3n << 19n, 1_500_000_000n],
    ['microseconds with an offset', 6, 1_795_392_000n, 5n, EPOCH + 5000n],
    ['nanoseconds with a negative offset', 9, -1n, 1_000_000_003n, 3n],
  ])('reads a time stamp in %s', async (_, resolution, offset, stamp, expected) => {
    const { packets, problems } = await read(description(1, 0, resolution, offset), enhanced(BYTES, stamp));
    expect(problems).toEqual([]);
    expect(packets.map(({ time }) => time)).toEqual([expected]);
  });

  it('reads every kind of packet block', async () => {
    const { packets, problems } = await read(
      description(1, 60, 9),
      enhanced(BYTES, EPOCH, 0, 2000),
      obsolete(BYTES, EPOCH + 1n),
      simple(BYTES.subarray(0, 57)),
      simple(Buffer.alloc(60), 1514),
    );
    expect(problems).toEqual([]);
    expect(
      packets.map(({ frame, time, bytes, originalLength }) => [frame, time, bytes.length, originalLength]),
    ).toEqual([
      [1, EPOCH, BYTES.length, 2000],
      [2, EPOCH + 1n, BYTES.length, BYTES.length],
      [3, 0n, 57, 57],
      [4, 0n, 60, 1514],
    ]);
  });

  it('numbers interfaces per section', async () => {
    const { packets, problems } = await read(
      description(1),
      description(101, 0, 9),
      enhanced(BYTES, 5n, 1),
      enhanced(BYTES, 5n, 0),
      section(),
      description(113, 0, 3),
      enhanced(BYTES, 5n, 0),
      enhanced(BYTES, 5n, 1),
    );
    expect(packets.map(({ linkType, time }) => [linkType, time])).toEqual([
      [101, 5n],
      [1, 5000n],
      [113, 5_000_000n],
    ]);
    expect(problems.map(({ message }) => message)).toEqual([
      'damaged block: a packet of interface 1, which is not described',
    ]);
  });

  it('reports TLS key logs and ignores other secrets', async () => {
    const { secrets: found } = await read(secrets('CLIENT_RANDOM aa bb\n'), secrets('private', 0x57474b4c));
    expect(found).toEqual(['CLIENT_RANDOM aa bb\n']);
  });

  it('skips unknown blocks of any length, and counts journal entries and custom blocks as frames', async () => {
    const { packets, problems } = await read(
      block(0x0777, Buffer.alloc(MAX_BLOCK_BYTES)),
      description(),
      block(4, Buffer.alloc(20)),
      block(9, Buffer.from('__REALTIME_TIMESTAMP=1\n')),
      block(0x0bad, Buffer.alloc(8)),
      block(0x40000bad, Buffer.alloc(8)),
      enhanced(BYTES, 1n),
    );
    expect(problems).toEqual([]);
    expect(packets.map(({ frame }) => frame)).toEqual([4]);
  });

  it('accepts a block length without the padding', async () => {
    const body = Buffer.from(description(1).subarray(8, -4));
    const odd = block(1, body);
    for (const at of [4, odd.length - 4]) odd[bigEndian ? at + 3 : at] = odd.length - 2;
    const { packets, problems } = await read(odd, enhanced(BYTES, 1n));
    expect(problems).toEqual([]);
    expect(packets.length).toBe(1);
  });

  const tooLarge = enhanced(BYTES, 1n);
  if (bigEndian) tooLarge.writeUInt32BE(BYTES.length + 400, 8 + 12);
  else tooLarge.writeUInt32LE(BYTES.length + 400, 8 + 12);
  const huge = Buffer.from(enhanced(BYTES, 1n));
  huge.fill(0x7f, 4, 8);
  const tiny = Buffer.from(enhanced(BYTES, 1n));
  tiny.fill(0, 4, 8);
  const contradicting = Buffer.from(enhanced(BYTES, 1n));
  contradicting.fill(0, contradicting.length - 4);

  it.each([
    ['a packet longer than its block', tooLarge, /^damaged block: a packet of \d+ bytes$/],
    ['a block above the size limit', huge, /^damaged block: a block of 213\d{7} bytes$/],
    ['a block shorter than its own header', tiny, /^damaged block: a block of 0 bytes$/],
    [
      'two different block lengths',
      contradicting,
      /^damaged block: a block says \d+ bytes at its start and 0 at its end$/,
    ],
    ['a short packet block', block(6, Buffer.alloc(16)), /packet block that is too short/],
    ['a short simple packet block', block(3, Buffer.alloc(0)), /packet block that is too short/],
    ['a short interface', block(1, Buffer.alloc(4)), /interface description that is too short/],
    ['short secrets', block(10, Buffer.alloc(4)), /secrets block that is too short/],
    ['a section without byte order', block(0x0a0d0d0a, Buffer.alloc(16)), /section header without a byte order/],
  ])('stops at %s after the blocks before it', async (_, damaged, message) => {
    const before = [description(), enhanced(BYTES, 1n)];
    const { packets, problems } = await read(...before, damaged, enhanced(BYTES, 2n));
    expect(packets.length).toBe(1);
    expect(problems).toEqual([
      {
        code: 'CAPTURE_DAMAGED',
        message: expect.stringMatching(message),
        offset: Buffer.concat([section(), ...before]).length,
      },
    ]);
  });

  it('reports a packet before any interface as damage', async () => {
    expect((await read(simple(BYTES))).problems.map(({ code }) => code)).toEqual(['CAPTURE_DAMAGED']);
  });

  it('reports truncation even inside a skipped block', async () => {
    const whole = Buffer.concat([section(), description(), block(0x0777, Buffer.alloc(5000))]);
    const { problems } = await readCapture(whole.subarray(0, whole.length - 1), 512);
    expect(problems).toEqual([
      {
        code: 'CAPTURE_TRUNCATED',
        message: 'the file ends in the middle of a block',
        offset: expect.any(Number),
      },
    ]);
  });
});
