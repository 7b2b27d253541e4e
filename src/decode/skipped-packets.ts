/** Packets that were not decoded: by reason for the summary, and as a note if no conversation was found. */
import type { Dissection } from '../capture/dissection.js';
import { linkTypeName } from '../capture/ip/link.js';
import { type Note, note } from '../capture/notes.js';

export type Skipped = Dissection['skipped']['skipped'];

/** The reasons with a count above zero. */
export function reasons({ skipped }: Dissection['skipped']): Partial<Skipped> {
  return Object.fromEntries(Object.entries(skipped).filter(([, count]) => count > 0));
}

/** ARP, UDP and the like are in every capture. They are mentioned only if there is no TCP. */
const USUAL: readonly string[] = ['not ip', 'not tcp'] satisfies (keyof Skipped)[];

/** The note at the end; undefined if a conversation was found or no packet was skipped. */
export function skippedNote({ counts, skipped }: Dissection): Note | undefined {
  const found = Object.entries(reasons(skipped)).filter(([reason]) => counts.segments === 0 || !USUAL.includes(reason));
  if (counts.conversations > 0 || found.length === 0) return undefined;
  const parts = found.map(([reason, count]) => `${count} ${describe(reason, skipped.unknownLink)}`);
  return note('PACKETS_SKIPPED', parts.join(', '));
}

function describe(reason: string, unknownLink: number | undefined): string {
  const descriptions: Readonly<Record<string, string>> = {
    'unknown link type': `of ${linkTypeName(unknownLink ?? -1)}`,
    'not ip': 'without IP',
    'not tcp': 'without TCP',
    fragment: 'in IP fragments',
    'cut short': 'cut too short by the capture',
    malformed: 'malformed',
  };
  return descriptions[reason] ?? reason;
}
