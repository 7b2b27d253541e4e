import { Fault } from '../fault.js';
import { loadTlsFiles, type TlsFiles } from './tls-files.js';

export interface TlsWatchOptions {
  /** Returns the paths of the files and the pair in use. Called for each check, because a reload may change both. */
  readonly inUse: () => {
    readonly certPath: string;
    readonly keyPath: string;
    readonly tls: Pick<TlsFiles, 'cert' | 'key'>;
  };
  /** Called once for each new pair, when it matches and is written completely. */
  readonly changed: () => void;
  /** Called when the files have been unusable for a while. Not called again until they have been usable. */
  readonly unusable: (fault: Fault) => void;
  readonly intervalMs?: number;
}

/** Reading two small files is cheap, and a renewed certificate is in use some seconds later. */
const POLL_INTERVAL_MS = 2_000;
/** Checks that must fail in a row before the files are reported: some tools replace certificate and key one after the other. */
const FAILURES_BEFORE_REPORT = 15;
/**
 * Checks after which a pair that was reported, but is still not in use, is reported again. It may have been rejected because of
 * another problem at that time, which nobody would notice before the old certificate expires.
 */
const CHECKS_BEFORE_REPEAT = 150;

/**
 * Polls a certificate and its key until the returned function is called. It compares the content of the files. That works with
 * the symbolic links of certbot and of mounted secrets, and does not depend on file system events. A new pair is reported when it
 * matches and two consecutive checks read the same content, so that a partly written file is never used.
 */
export function watchTlsFiles({
  inUse,
  changed,
  unusable,
  intervalMs = POLL_INTERVAL_MS,
}: TlsWatchOptions): () => void {
  let failures = 0;
  let previous: string | undefined;
  let reported: string | undefined;
  let checksUntilRepeat = CHECKS_BEFORE_REPEAT;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const check = async (): Promise<void> => {
    const { certPath, keyPath, tls } = inUse();
    const found = await loadTlsFiles(certPath, keyPath).catch((cause: unknown) => {
      if (cause instanceof Fault) return cause;
      throw cause;
    });
    if (stopped) return;
    if (found instanceof Fault) {
      failures++;
      previous = undefined;
      if (failures === FAILURES_BEFORE_REPORT) unusable(found);
      return;
    }
    failures = 0;
    const text = found.cert + found.key;
    const isNew = text !== tls.cert + tls.key;
    if (isNew && text === previous && (text !== reported || --checksUntilRepeat === 0)) {
      reported = text;
      checksUntilRepeat = CHECKS_BEFORE_REPEAT;
      changed();
    }
    if (!isNew) reported = undefined;
    previous = text;
  };
  const schedule = (): void => {
    // The next check starts after the previous one ends, so that checks do not overlap on a slow disk.
    if (!stopped) timer = setTimeout(() => void check().finally(schedule), intervalMs).unref();
  };
  schedule();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
