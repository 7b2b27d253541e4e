/** What a running gateway obeys, signals and a renewed certificate, and what its service manager hears of it. */
import { isatty } from 'node:tty';
import { watchTlsFiles } from '../certs/watch.js';
import { serviceManager } from '../cli/environment.js';
import { EXIT } from '../cli/exit.js';
import { tlsPaths } from './certificate.js';
import { cleanUp } from './exit-cleanup.js';
import { Reloader } from './reload.js';
import type { Serving } from './serve.js';
import type { ServeRequest } from './settings.js';
import { Notifier } from './systemd-notify.js';

const STDIN = 0;

export interface SignalHandlers {
  readonly reload: () => void;
  readonly stop: (signal: StopSignal) => void;
}
type StopSignal = 'SIGINT' | 'SIGTERM';

/**
 * Signals from the start of a process on. Before there is anything to drain SIGINT and SIGTERM end it, in order; a SIGHUP before there is
 * anything to reload has its turn later.
 */
export class Signals {
  #handlers: SignalHandlers | undefined;
  #early = false;

  constructor() {
    const hadTerminal = isatty(STDIN);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => (this.#handlers ? this.#handlers.stop(signal) : endAtOnce(signal)));
    }
    process.on('SIGHUP', () => {
      if (hadTerminal && !isatty(STDIN)) loseTerminal();
      else if (this.#handlers) this.#handlers.reload();
      else this.#early = true;
    });
  }

  setHandlers(obedience: SignalHandlers): void {
    this.#handlers = obedience;
    if (this.#early) obedience.reload();
  }
}

function endAtOnce(signal: StopSignal): never {
  process.exit(signal === 'SIGINT' ? EXIT.sigint : EXIT.sigterm);
}

/**
 * SIGHUP says too that somebody has closed the terminal. Nobody wants a gateway that stays behind unseen, and Node aborts when it ends in
 * order on a terminal that is gone: so it ends like every program that knows nothing of the signal.
 */
function loseTerminal(): void {
  cleanUp();
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/** The first signal to end drains, the second one ends at once. Until then SIGHUP reloads. */
export function untilDrained(serving: Serving, request: ServeRequest, signals: Signals): Promise<void> {
  const { gateway, log } = serving;
  let draining = false;
  const notifier = new Notifier({
    manager: serviceManager(),
    log,
    status: () => `${draining ? 'draining, ' : ''}sessions: ${gateway.tunnels}`,
    isAlive: () => gateway.listening,
  });
  const reloader = new Reloader(request, serving, {
    begins: () => notifier.reloading(),
    ends: () => notifier.ready(),
  });
  const unwatch = watchCertificate(reloader, serving, request);
  void notifier.ready();
  return new Promise((resolve, reject) => {
    const stop = (signal: StopSignal): void => {
      if (draining) endAtOnce(signal);
      draining = true;
      reloader.stop();
      unwatch();
      const { drain } = reloader.inUse.config.timeouts;
      log.info('draining', { signal, sessions: gateway.tunnels, seconds: drain });
      Promise.all([gateway.drain(drain * 1000), notifier.stopping()]).then(() => {
        log.info('stopped');
        notifier.close();
        resolve();
      }, reject);
    };
    signals.setHandlers({ stop, reload: () => void reloader.reload('SIGHUP') });
  });
}

function watchCertificate(reloader: Reloader, { log }: Serving, { dataDir }: ServeRequest): () => void {
  return watchTlsFiles({
    inUse: () => ({ ...tlsPaths(reloader.inUse.config, dataDir), tls: reloader.inUse.tls }),
    changed: () => void reloader.reload('certificate'),
    unusable: ({ code, message, place, hint }) =>
      log.error('the certificate on disk cannot be used, the old one stays', { code, reason: message, place, hint }),
  });
}
