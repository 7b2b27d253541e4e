/** What a file is, by its first bytes. Names and suffixes say nothing: captures arrive renamed, zipped and piped. */
import { isClassic } from './classic.js';
import { isPcapng } from './pcapng.js';

export type CaptureFormat = 'pcap' | 'pcapng' | 'gzip';

/** Bytes that must be there (or the end of the file) before the format can be told. */
export const FORMAT_BYTES = 4;

/** The format of a file that begins with `head`, undefined when it is no capture this program reads. */
export function formatOf(head: Buffer): CaptureFormat | undefined {
  if (isClassic(head)) return 'pcap';
  if (isPcapng(head)) return 'pcapng';
  return head[0] === 0x1f && head[1] === 0x8b ? 'gzip' : undefined;
}

/** Other first bytes that people send captures in, with what to do about them. */
const OTHERS: readonly (readonly [string, string])[] = [
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

/** Why a file that begins with `head` cannot be read, as the rest of a sentence. */
export function describeUnknown(head: Buffer): string {
  if (head.length === 0) return 'the file is empty';
  const hex = head.toString('hex');
  const other = OTHERS.find(([magic]) => hex.startsWith(magic));
  return other ? `this is ${other[1]}` : 'this is neither pcap nor pcapng';
}
