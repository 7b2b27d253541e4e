/**
 * Detects the format of a capture from its first bytes. File names are not used: captures may be renamed, compressed or
 * read from a pipe.
 */
import { isClassic } from './classic.js';
import { isPcapng } from './pcapng.js';

/** A format that `openCapture` reads; gzip contains one of the others. */
export type CaptureFormat = 'pcap' | 'pcapng' | 'gzip';

/** Number of bytes that `formatOf` needs, unless the file is shorter. */
export const FORMAT_BYTES = 4;

/** Returns the format of a file that begins with `head`, or undefined when it is not supported. */
export function formatOf(head: Buffer): CaptureFormat | undefined {
  if (isClassic(head)) return 'pcap';
  if (isPcapng(head)) return 'pcapng';
  return head[0] === 0x1f && head[1] === 0x8b ? 'gzip' : undefined;
}

/** Magic numbers (hexadecimal) of unsupported formats that are common for captures, each with advice to the user. */
const UNSUPPORTED: readonly (readonly [string, string])[] = [
  ['504b', 'a zip archive: unpack it first'],
  ['28b52ffd', 'compressed with zstd: unpack it first'],
  ['04224d18', 'compressed with lz4: unpack it first'],
  ['425a68', 'compressed with bzip2: unpack it first'],
  ['fd377a58', 'compressed with xz: unpack it first'],
  ['34cdb2a1', 'a pcap file with the extended headers of old Linux patches: save it again with Wireshark'],
  ['a1b2cd34', 'a pcap file with the extended headers of old Linux patches: save it again with Wireshark'],
  ['474d4255', 'a capture of Microsoft Network Monitor: save it as pcapng with Wireshark'],
  ['52545353', 'a capture of Microsoft Network Monitor: save it as pcapng with Wireshark'],
  ['736e6f6f', 'a capture of snoop: save it as pcapng with Wireshark'],
];

/** Describes why a file that begins with `head` cannot be read: a lower-case clause without a full stop. */
export function describeUnknown(head: Buffer): string {
  if (head.length === 0) return 'the file is empty';
  const hex = head.toString('hex');
  const known = UNSUPPORTED.find(([magic]) => hex.startsWith(magic));
  return known ? `this is ${known[1]}` : 'this is neither pcap nor pcapng';
}
