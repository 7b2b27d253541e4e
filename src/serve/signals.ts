/** Handles signals and renewed certificates of a running gateway, and notifies the service manager. */
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
  readonly reopenLogs: () => void;
  /** Called for a signal that has no meaning for the gateway. */
  readonly ignored: (signal: NodeJS.Signals) => void;
  readonly stop: (signal: StopSignal) => void;
}
type StopSignal = 'SIGINT' | 'SIGTERM';

/**
 * Handles signals from the start of the process on. Before `setHandlers` SIGINT and SIGTERM exit at once with clean-up,
 * and a SIGHUP is kept until `setHandlers`. SIGUSR1 and SIGUSR2 do nothing before: no log file is open that long.
 *
 * All other signals keep the effect that the system or Node.js gives them. SIGQUIT and SIGABRT end the process with a
 * core dump, which is what they are sent for, and SIGTSTP stops it until SIGCONT. Node.js ignores SIGPIPE and SIGXFSZ: a
 * write then fails with an error.
 */
export class Signals {
  #handlers: SignalHandlers | undefined;
  #hasEarlyReload = false;

  constructor() {
    const hadTerminal = isatty(STDIN);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => (this.#handlers ? this.#handlers.stop(signal) : exitAtOnce(signal)));
    }
    process.on('SIGHUP', () => {
      if (hadTerminal && !isatty(STDIN)) endOnHangup();
      else if (this.#handlers) this.#handlers.reload();
      else this.#hasEarlyReload = true;
    });
    process.on('SIGUSR1', () => this.#handlers?.reopenLogs());
    process.on('SIGUSR2', () => this.#handlers?.ignored('SIGUSR2'));
  }

  setHandlers(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    if (this.#hasEarlyReload) handlers.reload();
  }
}

function exitAtOnce(signal: StopSignal): never {
  process.exit(signal === 'SIGINT' ? EXIT.sigint : EXIT.sigterm);
}

/**
 * A closed terminal also sends SIGHUP. The gateway must not go on running unnoticed then, and Node aborts if it exits
 * normally without its terminal. So the process ends by the default action of the signal, like a program that does not
 * handle it.
 */
function endOnHangup(): void {
  cleanUp();
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/**
 * Resolves when the gateway has drained. The first SIGINT or SIGTERM drains, a second one exits at once. Until then
 * SIGHUP reloads.
 */
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
    started: () => notifier.reloading(),
    ended: () => notifier.ready(),
  });
  const unwatch = watchCertificate(reloader, serving, request);
  void notifier.ready();
  return new Promise((resolve, reject) => {
    const stop = (signal: StopSignal): void => {
      if (draining) exitAtOnce(signal);
      draining = true;
      reloader.stop();
      unwatch();
      const { drain } = reloader.inUse.config.timeouts;
      log.event('gateway.draining', { signal, sessions: gateway.tunnels, seconds: drain });
      Promise.all([gateway.drain(drain * 1000), notifier.stopping()]).then(() => {
        log.event('gateway.stopped');
        notifier.close();
        resolve();
      }, reject);
    };
    signals.setHandlers({
      stop,
      reload: () => void reloader.reload('SIGHUP'),
      reopenLogs: () => void reopenLogs(serving),
      ignored: (signal) => log.event('signal.ignored', { signal }),
    });
  });
}

/** Opens the key log anew. The log has no path of its own: whoever started the process decides where stderr goes. */
async function reopenLogs(serving: Serving): Promise<void> {
  const { log, settingsFiles } = serving;
  const { keylog } = settingsFiles.config.log;
  if (keylog === undefined)
    return log.event('signal.ignored', {
      signal: 'SIGUSR1',
      reason: 'the log goes to stderr, and no other log is open',
    });
  await serving.reopenLogs();
  log.event('logs.reopened', { signal: 'SIGUSR1', file: keylog });
}

function watchCertificate(reloader: Reloader, { log }: Serving, { dataDir }: ServeRequest): () => void {
  return watchTlsFiles({
    inUse: () => ({ ...tlsPaths(reloader.inUse.config, dataDir), tls: reloader.inUse.tls }),
    changed: () => void reloader.reload('certificate'),
    unusable: ({ code, message, place, hint }) =>
      log.event('certificate.unusable', { code, reason: message, place, hint }),
  });
}
