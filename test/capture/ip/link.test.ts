/** Offsets were compared with `tshark -T fields -e frame.protocols` on packets like these. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipOffset, LINK, LINK_TYPES } from '../../../src/capture/ip/link.js';
import { ethernet } from '../../support/pcap.js';

const IP = Buffer.from([0x45, 0, 0, 20]);
const hex = (text: string): Buffer => Buffer.concat([Buffer.from(text.replaceAll(' ', ''), 'hex'), IP]);

describe('ipOffset', () => {
  it.each([
    ['Ethernet', 1, ethernet(IP), 14],
    ['Ethernet, IPv6', 1, ethernet(IP, 0x86dd), 14],
    ['one VLAN tag', 1, ethernet(IP, 0x0800, [0x8100]), 18],
    ['QinQ', 1, ethernet(IP, 0x86dd, [0x88a8, 0x8100]), 22],
    ['old QinQ', 1, ethernet(IP, 0x0800, [0x9100, 0x8100, 0x8100, 0x8100]), 30],
    ['IEEE 802.3 with SNAP', 1, hex('020202020202 020202020202 0020 aaaa03 000000 0800'), 22],
    ['Linux cooked', 113, hex('0000 0001 0006 020202020202 0000 0800'), 16],
    ['Linux cooked with a tag', 113, hex('0000 0001 0006 020202020202 0000 8100 0001 0800'), 20],
    ['Linux cooked v2', 276, hex('86dd 0000 00000002 0001 00 06 0202020202020000'), 20],
    ['Linux cooked v2 with a tag', 276, hex('8100 0000 00000002 0001 00 06 0202020202020000 0001 0800'), 24],
    ['null of a little-endian host', 0, hex('02000000'), 4],
    ['null of a big-endian host', 0, hex('00000002'), 4],
    ['null of macOS, IPv6', 0, hex('1e000000'), 4],
    ['null of FreeBSD, IPv6', 0, hex('1c000000'), 4],
    ['loop of OpenBSD, IPv6', 108, hex('00000018'), 4],
    ['raw', 101, IP, 0],
    ['raw, link type of the BSDs', 12, IP, 0],
    ['raw, link type of OpenBSD', 14, IP, 0],
    ['raw IPv4', 228, IP, 0],
    ['raw IPv6', 229, IP, 0],
  ])('%s', (_, linkType, bytes, offset) => {
    expect(ipOffset(linkType, bytes)).toBe(offset);
    expect(LINK_TYPES.has(linkType)).toBe(true);
  });

  it.each([
    ['ARP', 1, ethernet(IP, 0x0806), LINK.notIp],
    ['ARP with a tag', 1, ethernet(IP, 0x0806, [0x8100]), LINK.notIp],
    ['more tags than the limit', 1, ethernet(IP, 0x0800, [0x8100, 0x8100, 0x8100, 0x8100, 0x8100]), LINK.notIp],
    ['spanning tree', 1, hex('0180c2000000 020202020202 0026 424203 0000'), LINK.notIp],
    ['SNAP with an OUI', 1, hex('020202020202 020202020202 0020 aaaa03 00000c 2000'), LINK.notIp],
    ['a short frame', 1, Buffer.alloc(13), LINK.cut],
    ['a truncated tag', 1, ethernet(Buffer.alloc(0), 0x0800, [0x8100]).subarray(0, 17), LINK.cut],
    ['short Linux cooked', 113, Buffer.alloc(15), LINK.cut],
    ['short Linux cooked v2', 276, Buffer.alloc(19), LINK.cut],
    ['Linux cooked v2, ARP', 276, Buffer.concat([Buffer.from([8, 6]), Buffer.alloc(30)]), LINK.notIp],
    ['null, AppleTalk', 0, hex('10000000'), LINK.notIp],
    ['short null', 0, Buffer.alloc(3), LINK.cut],
    ['USB', 220, Buffer.alloc(100), LINK.unknown],
  ])('finds no IP header in %s', (_, linkType, bytes, reason) => {
    expect(ipOffset(linkType, bytes)).toBe(reason);
  });

  it('is never after the end of the packet', () => {
    fc.assert(
      fc.property(fc.constantFrom(...LINK_TYPES.keys()), fc.uint8Array({ maxLength: 60 }), (linkType, bytes) => {
        expect(ipOffset(linkType, Buffer.from(bytes))).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
