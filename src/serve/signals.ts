/** What a running gateway obeys, signals and a renewed certificate, and what its service manager hears of it. */
import { isatty } from 'node:tty';
import { watchTlsFiles } from '../certs/watch.js';
import { serviceManager } from '../cli/environment.js';
import { EXIT } from '../cli/exit.js';
import { tlsPaths } from './identity.js';
import { Notifier } from './notify.js';
import { Reloader } from './reload.js';
import type { Serving } from './serve.js';
import type { ServeRequest } from './settings.js';

const STDIN = 0;

/** SIGHUP from the start of a process on: one that comes before there is anything to reload must not end it, and has its turn later. */
export class Hangups {
  #reload: (() => void) | undefined;
  #early = false;

  constructor() {
    const hadTerminal = isatty(STDIN);
    process.on('SIGHUP', () => {
      // The same signal says that somebody has closed the terminal. Nobody wants a gateway that stays behind unseen, and Node aborts
      // when it ends in order on a terminal that is gone: so it ends like every program that knows nothing of the signal.
      if (hadTerminal && !isatty(STDIN)) {
        process.removeAllListeners('SIGHUP');
        process.kill(process.pid, 'SIGHUP');
      } else if (this.#reload) this.#reload();
      else this.#early = true;
    });
  }

  obey(reload: () => void): void {
    this.#reload = reload;
    if (this.#early) reload();
  }
}

/** The first signal to end drains, the second one ends at once. Until then SIGHUP reloads. */
export function untilDrained(serving: Serving, request: ServeRequest, hangups: Hangups): Promise<void> {
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
    const stop = (signal: NodeJS.Signals): void => {
      if (draining) process.exit(signal === 'SIGINT' ? EXIT.sigint : EXIT.sigterm);
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
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    hangups.obey(() => void reloader.reload('SIGHUP'));
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
