/** How many clients the file descriptors of this process are enough for. */
import { readFileSync } from 'node:fs';

/** For logs, certificates, look-ups, the listener and what Node opens itself. */
const OTHERS = 64;
/** A client's connection, and one to a desktop for it; between several processes a third, where the two legs of a client do not meet. */
const EACH = { alone: 2, amongOthers: 3 };
/** So many clients are a gateway's whole purpose for most people; nobody needs to hear of a room that is larger. */
const PLENTY = 4096;

export interface Fitted {
  /** The wish, or less where the descriptors end before. */
  readonly connections: number;
  readonly warning: string | undefined;
}

/**
 * A process without descriptors cannot tell anybody: the system closes what it has no room for. So no more clients are taken than there
 * are descriptors for, and those who are one too many hear of it.
 */
export function fitDescriptors(wish: number, isAlone: boolean, files: number = openFilesMax()): Fitted {
  const each = isAlone ? EACH.alone : EACH.amongOthers;
  const room = Math.max(1, Math.floor((files - OTHERS) / each));
  if (wish <= room) return { connections: wish, warning: undefined };
  if (room >= PLENTY) return { connections: room, warning: undefined };
  const warning = `limits.connections is ${wish}, but this process may open ${files} files: at most ${room} connections are taken (raise LimitNOFILE, or ulimit -n)`;
  return { connections: room, warning };
}

/** The limit that holds for this process (Node raises the soft one to the hard one); endless where the system does not tell. */
export function openFilesMax(limits: () => string = () => readFileSync('/proc/self/limits', 'utf8')): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits()) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
