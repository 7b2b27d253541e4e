import { Fault } from '../fault.js';
import { loadTlsFiles, type TlsFiles } from './tls-files.js';

export interface TlsWatch {
  /** Where the files are now and what is in use of them; asked at every look, since a reload may change both. */
  readonly inUse: () => {
    readonly certPath: string;
    readonly keyPath: string;
    readonly tls: Pick<TlsFiles, 'cert' | 'key'>;
  };
  /** There is another pair, it fits, and nobody is writing it any more. Called once for each pair. */
  readonly changed: () => void;
  /** The files cannot be used, and not only for a moment. Called once until they can be again. */
  readonly unusable: (fault: Fault) => void;
  readonly everyMs?: number;
}

/** Certificates change every few months and two small files are read in no time: a renewal is in use some seconds later. */
const LOOK_EVERY_MS = 2_000;
/** Whoever replaces certificate and key one after the other, or writes them slowly, has this many looks of time for it. */
const PATIENCE_LOOKS = 15;
/** One that was told and not taken, since something else was wrong at that moment, is told again: nobody looks for that before it expires. */
const AGAIN_LOOKS = 150;

/**
 * Looks at a certificate and its key again and again until the returned function is called. What is compared is their content:
 * that sees through the symbolic links of certbot and of mounted secrets, and needs nothing of the file system. A pair counts when
 * it fits and was the same at two looks, so that no half-written one is ever taken.
 */
export function watchTlsFiles({ inUse, changed, unusable, everyMs = LOOK_EVERY_MS }: TlsWatch): () => void {
  let failures = 0;
  let seen: string | undefined;
  let told: string | undefined;
  let untilAgain = AGAIN_LOOKS;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const look = async (): Promise<void> => {
    const { certPath, keyPath, tls } = inUse();
    const found = await loadTlsFiles(certPath, keyPath).catch((cause: unknown) => {
      if (cause instanceof Fault) return cause;
      throw cause;
    });
    if (stopped) return;
    if (found instanceof Fault) {
      failures++;
      seen = undefined;
      if (failures === PATIENCE_LOOKS) unusable(found);
      return;
    }
    failures = 0;
    const text = found.cert + found.key;
    const isNew = text !== tls.cert + tls.key;
    if (isNew && text === seen && (text !== told || --untilAgain === 0)) {
      told = text;
      untilAgain = AGAIN_LOOKS;
      changed();
    }
    if (!isNew) told = undefined;
    seen = text;
  };
  const next = (): void => {
    // A look that waits for a slow disk has no second one beside it.
    if (!stopped) timer = setTimeout(() => void look().finally(next), everyMs).unref();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
