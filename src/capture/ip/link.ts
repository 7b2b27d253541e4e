/** Link layer headers. Link type numbers are those of https://www.tcpdump.org/linktypes.html. */

/** Negative results of `ipOffset`: why the IP header was not found. */
export const LINK = { unknown: -1, notIp: -2, cut: -3 } as const;

/** The link types that `ipOffset` supports: LINKTYPE number to display name. */
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

/** Display names of common link types that are not supported. */
const UNSUPPORTED_LINK_TYPES: ReadonlyMap<number, string> = new Map([
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

/** Returns a display name like `link type 105 (IEEE 802.11)`. */
export function linkTypeName(linkType: number): string {
  const name = LINK_TYPES.get(linkType) ?? UNSUPPORTED_LINK_TYPES.get(linkType);
  return `link type ${linkType}${name === undefined ? '' : ` (${name})`}`;
}

const ETHERTYPE = { ip4: 0x0800, ip6: 0x86dd } as const;
/** 802.1Q, 802.1ad (QinQ) and the two EtherTypes in use before 802.1ad. */
const VLAN_TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100, 0x9200]);
/** Real networks do not stack more tags. Limits the work per packet, which could otherwise consist of tags only. */
const MAX_VLAN_TAGS = 4;
/** A smaller EtherType is a length (IEEE 802.3), and a SNAP header may follow. */
const MIN_ETHERTYPE = 0x0600;
const SNAP = 0xaaaa03;
/** AF_INET, and AF_INET6 on Linux, NetBSD, FreeBSD and macOS. */
const FAMILIES: ReadonlySet<number> = new Set([2, 10, 24, 28, 30]);

/**
 * Returns the offset of the IP header in a packet, or a value of `LINK`. The IP version is in the first byte of that
 * header and not checked here.
 */
export function ipOffset(linkType: number, bytes: Buffer): number {
  switch (linkType) {
    case 1:
      return afterEtherType(bytes, 12);
    case 113:
      return afterEtherType(bytes, 14);
    case 276:
      return afterCookedHeader(bytes);
    case 0:
    case 108:
      return afterFamily(bytes);
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

function afterEtherType(bytes: Buffer, at: number): number {
  if (bytes.length < at + 2) return LINK.cut;
  const type = bytes.readUInt16BE(at);
  if (type === ETHERTYPE.ip4 || type === ETHERTYPE.ip6) return at + 2;
  if (VLAN_TAGS.has(type)) return afterTags(bytes, at + 2);
  if (type < MIN_ETHERTYPE) return afterSnap(bytes, at + 2);
  return LINK.notIp;
}

/** A VLAN tag is two bytes of tag control information and the next EtherType. */
function afterTags(bytes: Buffer, start: number): number {
  for (let at = start, tags = 0; tags < MAX_VLAN_TAGS; at += 4, tags++) {
    if (bytes.length < at + 4) return LINK.cut;
    const type = bytes.readUInt16BE(at + 2);
    if (type === ETHERTYPE.ip4 || type === ETHERTYPE.ip6) return at + 4;
    if (!VLAN_TAGS.has(type)) return LINK.notIp;
  }
  return LINK.notIp;
}

/** RFC 1042: LLC header AA-AA-03, OUI 0 (three bytes), EtherType. */
function afterSnap(bytes: Buffer, at: number): number {
  if (bytes.length < at + 8) return LINK.notIp;
  if (bytes.readUIntBE(at, 3) !== SNAP || bytes.readUIntBE(at + 3, 3) !== 0) return LINK.notIp;
  const type = bytes.readUInt16BE(at + 6);
  return type === ETHERTYPE.ip4 || type === ETHERTYPE.ip6 ? at + 8 : LINK.notIp;
}

/** The Linux cooked v2 header begins with the EtherType. */
function afterCookedHeader(bytes: Buffer): number {
  const header = 20;
  if (bytes.length < header) return LINK.cut;
  const type = bytes.readUInt16BE(0);
  if (type === ETHERTYPE.ip4 || type === ETHERTYPE.ip6) return header;
  return VLAN_TAGS.has(type) ? afterTags(bytes, header) : LINK.notIp;
}

/**
 * The address family is in the byte order of the capturing host, which may differ from that of the file. Trying both is
 * unambiguous.
 */
function afterFamily(bytes: Buffer): number {
  if (bytes.length < 4) return LINK.cut;
  return FAMILIES.has(bytes.readUInt32LE(0)) || FAMILIES.has(bytes.readUInt32BE(0)) ? 4 : LINK.notIp;
}
