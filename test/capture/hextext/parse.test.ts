import { describe, expect, it } from 'vitest';
import {
  looksLikeText,
  MAX_HEX_BYTES,
  MAX_HEX_TEXT,
  parseHexText,
  textOf,
} from '../../../src/capture/hextext/index.js';
import { Fault } from '../../../src/fault.js';

const hexOf = (text: string, encoding?: 'hex' | 'base64') => parseHexText(text, encoding).toString('hex');

function faultOf(text: string, encoding?: 'hex' | 'base64'): Fault {
  try {
    parseHexText(text, encoding);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('no fault');
}

/** `HEX_DIGIT line 1, column 2` */
const wrong = (text: string, encoding?: 'hex' | 'base64') => {
  const { kind, code, place } = faultOf(text, encoding);
  expect(kind).toBe('input');
  return place === undefined ? code : `${code} ${place}`;
};

/** A keep-alive, an unprintable byte, and characters that look like digits. */
const SAMPLE = '0d00000008000000ff30313233343536414243';

/**
 * SAMPLE as printed by xxd 2022-01-14, hexdump of util-linux 2.38.1, od of coreutils 9.1 and tshark 4.0.17 (`-x`, and
 * `-z follow,tcp,hex,0`). The forms of Wireshark's menu, tcpdump, Python and .NET are written by hand.
 */
const PRINTED: readonly (readonly [string, string])[] = [
  [
    'xxd',
    '00000000: 0d00 0000 0800 0000 ff30 3132 3334 3536  .........0123456\n00000010: 4142 43                                  ABC\n',
  ],
  [
    'xxd -g1 -u',
    '00000000: 0D 00 00 00 08 00 00 00 FF 30 31 32 33 34 35 36  .........0123456\n00000010: 41 42 43                                         ABC\n',
  ],
  [
    'xxd -c 8',
    '00000000: 0d00 0000 0800 0000  ........\n00000008: ff30 3132 3334 3536  .0123456\n00000010: 4142 43              ABC\n',
  ],
  ['xxd -p', '0d00000008000000ff30313233343536414243\n'],
  [
    'xxd -i',
    'unsigned char a[] = {\n  0x0d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0xff, 0x30, 0x31, 0x32,\n  0x33, 0x34, 0x35, 0x36, 0x41, 0x42, 0x43\n};\nunsigned int a_len = 19;\n',
  ],
  [
    'hexdump -C',
    '00000000  0d 00 00 00 08 00 00 00  ff 30 31 32 33 34 35 36  |.........0123456|\n00000010  41 42 43                                          |ABC|\n00000013\n',
  ],
  [
    'od -A x -t x1z',
    '000000 0d 00 00 00 08 00 00 00 ff 30 31 32 33 34 35 36  >.........0123456<\n000010 41 42 43                                         >ABC<\n000013\n',
  ],
  [
    'od -A d -t x1z',
    '0000000 0d 00 00 00 08 00 00 00 ff 30 31 32 33 34 35 36  >.........0123456<\n0000016 41 42 43                                         >ABC<\n0000019\n',
  ],
  ['od -t x1', '0000000 0d 00 00 00 08 00 00 00 ff 30 31 32 33 34 35 36\n0000020 41 42 43\n0000023\n'],
  [
    'tshark -x',
    '0000  0d 00 00 00 08 00 00 00 ff 30 31 32 33 34 35 36   .........0123456\n0010  41 42 43                                          ABC\n',
  ],
  ['Wireshark, Copy as Hex Dump', '0000   0d 00 00 00 08 00 00 00 ff 30 31 32 33 34 35 36\n0010   41 42 43\n'],
  [
    'tshark, follow',
    '00000000  0d 00 00 00 08 00 00 00  ff 30 31 32 33 34 35 36   ........ .0123456\n00000010  41 42 43                                          ABC\n',
  ],
  [
    'tcpdump -X',
    '\t0x0000:  0d00 0000 0800 0000 ff30 3132 3334 3536  .........0123456\n\t0x0010:  4142 43                                  ABC\n',
  ],
  [
    'Wireshark, Copy as C',
    '/* Frame (19 bytes) */\nstatic const unsigned char pkt1[19] = {\n0x0d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, /* ........ */\n0xff, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, /* .0123456 */\n0x41, 0x42, 0x43                                /* ABC */\n};\n',
  ],
  [
    'Wireshark, Copy as Escaped String',
    '"\\x0d\\x00\\x00\\x00\\x08\\x00\\x00\\x00\\xff\\x30\\x31\\x32\\x33\\x34\\x35\\x36" \\\n"\\x41\\x42\\x43"\n',
  ],
  ['Python', String.raw`b'\r\x00\x00\x00\x08\x00\x00\x00\xff0123456ABC'`],
  ['BitConverter', '0D-00-00-00-08-00-00-00-FF-30-31-32-33-34-35-36-41-42-43'],
];

describe('the output of', () => {
  it.each(PRINTED)('%s', (_name, text) => {
    expect(hexOf(text)).toBe(SAMPLE);
    expect(looksLikeText(Buffer.from(text))).toBe(true);
    expect(hexOf(`\ufeff${text.replaceAll('\n', '\r\n')}`)).toBe(SAMPLE);
  });
});

describe('digits', () => {
  it.each([
    ['0d00000008000000', '0d00000008000000'],
    [' 0D 00,00:00;08-00 ', '0d0000000800'],
    ['0x0d, 0x0, 0x8', '0d0008'],
    ['0x0d0x00', '0d00'],
    ['0x0d000000', '0d000000'],
    ['0d0\n000', '0d0000'],
    ['0d00 0000\n0800', '0d0000000800'],
    ['new byte[] { (byte)0x0d, 0, 0x8, }', '0d0008'],
    ['[0x0d, 0x00]', '0d00'],
    ['uint8_t a[1] = {0x0d}; uint8_t b[1] = {0x09};', '0d09'],
    ['0d 00 // header\n/* nothing */ 08', '0d0008'],
    ['{ 0x2a, 0x2f, 0x2f /* */ / */\n}', '2a2f2f'],
    [String.raw`\x0d\x00`, '0d00'],
    [String.raw`b"\r\x00A'\"\\"`, '0d004127225c'],
  ])('%j', (text, hex) => expect(hexOf(text)).toBe(hex));
});

describe('dumps', () => {
  it('with characters that look like digits', () => {
    expect(hexOf('00000000: 3434  44')).toBe('3434');
    expect(hexOf('0000   33 38 33 38  3838')).toBe('33383338');
    expect(hexOf('0000   33 38 33 38   3838\n0004   39   9')).toBe('3338333839');
    expect(hexOf('0000 20 20   \n0002 20 20 ')).toBe('20202020');
  });

  it('with lines that "*" stands for', () => {
    const zeros = (n: number) => '00 '.repeat(n);
    expect(hexOf(`00000000  ${zeros(16)}\n*\n00000030  41\n00000031\n`)).toBe(`${'00'.repeat(48)}41`);
    expect(hexOf(`00000000  41 42  |AB|\n*\n00000008`)).toBe('4142'.repeat(4));
    expect(wrong('00000000  41 42  |AB|\n*\n')).toBe('HEX_OFFSET line 1, column 1');
    expect(wrong('00000000  41 42  |AB|\n*\n00000007')).toBe('HEX_OFFSET line 3, column 1');
    expect(wrong(`00000000  41  |A|\n*\n${(MAX_HEX_BYTES + 1).toString(16)}`)).toBe('HEX_TOO_LONG line 3, column 1');
    expect(wrong('41 41\n*\n41')).toBe('HEX_OFFSET line 2, column 1');
    // 0160 is 112 in octal: od does not print the base of its offsets.
    expect(wrong(`0000000 ${zeros(16)}\n*\n0000160 41\n0000161`)).toBe('HEX_AMBIGUOUS line 1, column 1');
  });

  it('of a part of a file, in sequence, with edited characters, with narrow gaps', () => {
    expect(hexOf('00000010: 0d00  ..\n00000012: 0800  ..')).toBe('0d000800');
    expect(hexOf('0000   0d 00\n\n0000   08 00')).toBe('0d000800');
    expect(hexOf('00000000: 0d41  xy\n00000002: 0842  zz')).toBe('0d410842');
    expect(hexOf('0000 0d 41 .A\n0002 08 42 .B')).toBe('0d410842');
    expect(hexOf('00000000:0d 00')).toBe('0d00');
  });

  it('with inconsistent offsets', () => {
    expect(wrong('00000000: 0d00  ..\n00000010: 0800  ..')).toBe('HEX_OFFSET line 2, column 1');
    expect(faultOf('00000000: 0d00  ..\n00000010: 0800  ..').message).toBe(
      'the offset 00000010 comes where 00000002 should be',
    );
    expect(wrong('0000   0d 00\n0000   08 00')).toBe('HEX_OFFSET line 2, column 1');
    expect(wrong('0000   0d 00\nhello')).toBe('HEX_OFFSET line 2, column 1');
    expect(wrong('00000000  0d\nffffffffffffffff  00')).toBe('HEX_OFFSET line 2, column 1');
  });

  it('with words in machine byte order', () => {
    expect(wrong('0000000 000d 0000 0008 0000\n0000008')).toBe('HEX_WORDS line 1, column 9');
    expect(wrong('00000000: 00636261 04030201  abc.....')).toBe('HEX_WORDS line 1, column 11');
  });

  it('with words whose characters match in either byte order, as xxd -e prints them', () => {
    expect(wrong('00000000: 0000000d 00000008                    ........')).toBe('HEX_WORDS line 1, column 11');
    expect(wrong('00000000: 00000001 0000000e 00000001     0002  ..............')).toBe('HEX_WORDS line 1, column 11');
    // One line with a known byte order determines the order of all lines.
    expect(hexOf('00000000: 0d000000 61620000  ....ab..\n00000008: 0d000000 08000000  ........')).toBe(
      '0d000000616200000d00000008000000',
    );
    expect(hexOf('00000000: 0d00 0000 0800 0000  ........')).toBe('0d00000008000000');
  });

  it('with a first number that may be an offset or bytes', () => {
    expect(wrong('0d000000 08 00')).toBe('HEX_AMBIGUOUS line 1, column 1');
    expect(hexOf('0d000000 08 00\n0d000000 08 00')).toBe('0d00000008000d0000000800');
  });
});

describe('faults and their position', () => {
  it.each([
    ['0g', 'HEX_DIGIT line 1, column 2'],
    ['0d 00\n 0d xx', 'HEX_DIGIT line 2, column 5'],
    ['0x', 'HEX_DIGIT line 1, column 3'],
    ['0000  0d 0g', 'HEX_DIGIT line 1, column 10'],
    ['0d000', 'HEX_ODD line 1, column 5'],
    ['0d 0 00', 'HEX_ODD line 1, column 4'],
    ['0x0d00, 0x00', 'HEX_WORDS line 1, column 1'],
    ['{ 0x0d00 }', 'HEX_WORDS line 1, column 3'],
    ['{\n 13, 0 }', 'HEX_AMBIGUOUS line 2, column 2'],
    ['{ 0x0d, x }', 'HEX_DIGIT line 1, column 9'],
    [String.raw`"\x0d\q"`, 'HEX_DIGIT line 1, column 6'],
    [String.raw`"\x0d`, 'HEX_DIGIT line 1, column 1'],
    [String.raw`"\x0dA"`, 'HEX_DIGIT line 1, column 6'],
    ['', 'HEX_EMPTY'],
    [' \r\n', 'HEX_EMPTY'],
    ['{ }', 'HEX_EMPTY'],
    ['0'.repeat(MAX_HEX_TEXT + 1), 'HEX_TOO_LONG'],
  ])('%#', (text, expected) => expect(wrong(text)).toBe(expected));

  it('quote a few characters, without control characters', () => {
    const { message } = faultOf(`0000  00 ${'\u001b\u202ez'.repeat(50)}`);
    expect(message).toBe('"??z??z??z??z…" is not a byte in hexadecimal');
  });
});

describe('base64', () => {
  it('with and without padding, in both alphabets, in lines', () => {
    expect(hexOf('DQAAAAgAAAA=', 'base64')).toBe('0d00000008000000');
    expect(hexOf('DQAA\r\n AAgAAAA', 'base64')).toBe('0d00000008000000');
    expect(hexOf('-_-_', 'base64')).toBe('fbffbf');
    expect(hexOf('+/+/', 'base64')).toBe('fbffbf');
  });

  it.each([
    ['DQAA\nAA$A', 'BASE64_DIGIT line 2, column 3'],
    ['DQ=A', 'BASE64_DIGIT line 1, column 3'],
    ['DQ==\nDQ==', 'BASE64_DIGIT line 2, column 1'],
    ['DQAAA', 'BASE64_LENGTH line 1, column 5'],
    ['DQA==', 'BASE64_LENGTH line 1, column 5'],
    ['', 'HEX_EMPTY'],
  ])('%j', (text, expected) => expect(wrong(text, 'base64')).toBe(expected));
});

describe('files', () => {
  it('are recognised as text', () => {
    expect(looksLikeText(Buffer.from('0d 00\r\n\t'))).toBe(true);
    expect(looksLikeText(Buffer.from('\ufeff0d', 'utf16le'))).toBe(true);
    expect(looksLikeText(Buffer.from('d4c3b2a102000400', 'hex'))).toBe(false);
    expect(looksLikeText(Buffer.from('0a0d0d0a1c0000004d3c2b1a', 'hex'))).toBe(false);
    expect(looksLikeText(Buffer.from('0d00000008000000', 'hex'))).toBe(false);
    expect(looksLikeText(Buffer.alloc(0))).toBe(false);
  });

  it('are decoded as UTF-8 or UTF-16', () => {
    const text = '\ufeff0d 00';
    expect(hexOf(textOf(Buffer.from(text)))).toBe('0d00');
    expect(hexOf(textOf(Buffer.from(text, 'utf16le')))).toBe('0d00');
    expect(hexOf(textOf(Buffer.from(text, 'utf16le').swap16()))).toBe('0d00');
  });
});
