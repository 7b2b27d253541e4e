/** Packets that were not read: by reason for the summary, and as a remark where nothing was understood because of them. */
import type { Dissection } from '../capture/dissection.js';
import { linkTypeName } from '../capture/ip/link.js';
import { type Note, note } from '../capture/notes.js';

export type Skipped = Dissection['skipped']['skipped'];

/** The reasons that there were. */
export function reasons({ skipped }: Dissection['skipped']): Partial<Skipped> {
  return Object.fromEntries(Object.entries(skipped).filter(([, count]) => count > 0));
}

/** ARP, UDP and the like stand beside TCP in every capture: they are worth a word only where there is no TCP. */
const USUAL: readonly string[] = ['not ip', 'not tcp'] satisfies (keyof Skipped)[];

/** What to say at the end; undefined where something was understood, or where nothing was left out. */
export function skippedNote({ counts, skipped }: Dissection): Note | undefined {
  const found = Object.entries(reasons(skipped)).filter(([reason]) => counts.segments === 0 || !USUAL.includes(reason));
  if (counts.conversations > 0 || found.length === 0) return undefined;
  const told = found.map(([reason, count]) => `${count} ${wordsOf(reason, skipped.unknownLink)}`);
  return note('PACKETS_SKIPPED', told.join(', '));
}

function wordsOf(reason: string, unknownLink: number | undefined): string {
  const words: Readonly<Record<string, string>> = {
    'unknown link type': `of ${linkTypeName(unknownLink ?? -1)}`,
    'not ip': 'without IP',
    'not tcp': 'without TCP',
    fragment: 'in IP fragments',
    'cut short': 'cut too short by the capture',
    malformed: 'malformed',
  };
  return words[reason] ?? reason;
}
