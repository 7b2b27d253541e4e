/** From a packet to its IP header. Numbers are those of https://www.tcpdump.org/linktypes.html. */

/** Why a packet has no IP header to look at: values that can be no offset. */
export const LINK = { unknown: -1, notIp: -2, cut: -3 } as const;

/** What `ipOffset` understands, for people: LINKTYPE numbers with their names. */
export const LINK_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'BSD loopback'],
  [1, 'Ethernet'],
  [12, 'raw IP'],
  [14, 'raw IP'],
  [101, 'raw IP'],
  [108, 'OpenBSD loopback'],
  [113, 'Linux cooked'],
  [228, 'raw IPv4'],
  [229, 'raw IPv6'],
  [276, 'Linux cooked v2'],
]);

/** Kinds of network that people capture on and that are not read, likewise. */
const UNREAD_LINK_TYPES: ReadonlyMap<number, string> = new Map([
  [9, 'PPP'],
  [50, 'PPP in HDLC framing'],
  [105, 'IEEE 802.11'],
  [119, 'IEEE 802.11 with Prism header'],
  [127, 'IEEE 802.11 with radiotap'],
  [163, 'IEEE 802.11 with AVS header'],
  [187, 'Bluetooth HCI'],
  [189, 'USB of Linux'],
  [192, 'per-packet information'],
  [201, 'Bluetooth HCI with direction'],
  [220, 'USB of Linux'],
  [239, 'Linux netfilter log'],
  [249, 'USB of Windows'],
  [252, 'exported PDUs of Wireshark'],
  [253, 'Linux netlink'],
]);

/** `link type 105 (IEEE 802.11)` */
export function linkTypeName(linkType: number): string {
  const name = LINK_TYPES.get(linkType) ?? UNREAD_LINK_TYPES.get(linkType);
  return `link type ${linkType}${name === undefined ? '' : ` (${name})`}`;
}

const ETHERTYPE = { ip4: 0x0800, ip6: 0x86dd } as const;
/** 802.1Q, 802.1ad (QinQ) and the two numbers that were in use before it. */
const VLAN_TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100, 0x9200]);
/** Nobody stacks more; without a limit a packet could be made of tags. */
const MAX_VLAN_TAGS = 4;
/** Below this an EtherType is a length (IEEE 802.3), and a SNAP header may follow. */
const SMALLEST_ETHERTYPE = 0x0600;
const SNAP = 0xaaaa03;
/** AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and macOS. */
const FAMILIES: ReadonlySet<number> = new Set([2, 10, 24, 28, 30]);

/** The offset of the IP header in a packet, or one of LINK. The version of IP is for its own first byte to say. */
export function ipOffset(linkType: number, bytes: Buffer): number {
  switch (linkType) {
    case 1:
      return behindEtherType(bytes, 12);
    case 113:
      return behindEtherType(bytes, 14);
    case 276:
      return behindCookedHeader(bytes);
    case 0:
    case 108:
      return behindFamily(bytes);
    case 12:
    case 14:
    case 101:
    case 228:
    case 229:
      return 0;
    default:
      return LINK.unknown;
  }
}

function behindEtherType(bytes: Buffer, at: number): number {
  if (bytes.length < at + 2) return LINK.cut;
  const type = bytes.readUInt16BE(at);
  if (type === ETHERTYPE.ip4 || type === ETHERTYPE.ip6) return at + 2;
  if (VLAN_TAGS.has(type)) return behindTags(bytes, at + 2);
  if (type < SMALLEST_ETHERTYPE) return behindSnap(bytes, at + 2);
  return LINK.notIp;
}

/** Each tag holds two bytes of its own and the next type. */
function behindTags(bytes: Buffer, start: number): number {
  for (let at = start, tags = 0; tags < MAX_VLAN_TAGS; at += 4, tags++) {
    if (bytes.length < at + 4) return LINK.cut;
    const type = bytes.readUInt16BE(at + 2);
    if (type === ETHERTYPE.ip4 || type === ETHERTYPE.ip6) return at + 4;
    if (!VLAN_TAGS.has(type)) return LINK.notIp;
  }
  return LINK.notIp;
}

/** RFC 1042: three bytes that say SNAP, three of organisation (none), and an EtherType. */
function behindSnap(bytes: Buffer, at: number): number {
  if (bytes.length < at + 8) return LINK.notIp;
  if (bytes.readUIntBE(at, 3) !== SNAP || bytes.readUIntBE(at + 3, 3) !== 0) return LINK.notIp;
  const type = bytes.readUInt16BE(at + 6);
  return type === ETHERTYPE.ip4 || type === ETHERTYPE.ip6 ? at + 8 : LINK.notIp;
}

/** Linux cooked v2 has its type in front. */
function behindCookedHeader(bytes: Buffer): number {
  const header = 20;
  if (bytes.length < header) return LINK.cut;
  const type = bytes.readUInt16BE(0);
  if (type === ETHERTYPE.ip4 || type === ETHERTYPE.ip6) return header;
  return VLAN_TAGS.has(type) ? behindTags(bytes, header) : LINK.notIp;
}

/** The family is in the byte order of whoever captured, which the file does not have to share; no two orders collide. */
function behindFamily(bytes: Buffer): number {
  if (bytes.length < 4) return LINK.cut;
  return FAMILIES.has(bytes.readUInt32LE(0)) || FAMILIES.has(bytes.readUInt32BE(0)) ? 4 : LINK.notIp;
}
