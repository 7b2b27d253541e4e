/** Takes other settings, certificates and keys while `rdgw serve` runs: all of them, or none. */
import { checkDataFolder } from '../certs/check.js';
import { loadTokenKey } from '../certs/token-key.js';
import { errorReportOf } from '../cli/error-report.js';
import { differingSettings } from '../config/changed-settings.js';
import type { Config } from '../config/schema.js';
import { readSettingsFiles, type SettingsFiles } from './runtime-settings.js';
import type { Serving } from './serve.js';
import { loadServeSettings, type ServeRequest } from './settings.js';

export interface ReloadEvents {
  /** A reload waits for both: the service manager hears of one before it hears of the next. */
  readonly begins: () => Promise<void>;
  readonly ends: () => Promise<void>;
}

export class Reloader {
  readonly #request: ServeRequest;
  readonly #serving: Pick<Serving, 'prepare' | 'log'>;
  readonly #events: ReloadEvents;
  /** What needs a restart is as it was here, whatever the settings say. */
  readonly #started: Config;
  #inUse: SettingsFiles;
  #running: Promise<void> | undefined;
  #requested: string | undefined;
  #stopped = false;

  constructor(request: ServeRequest, serving: Serving, events: ReloadEvents) {
    this.#request = request;
    this.#serving = serving;
    this.#events = events;
    this.#inUse = serving.reading;
    this.#started = serving.reading.config;
  }

  /** What the gateway goes by now. */
  get inUse(): SettingsFiles {
    return this.#inUse;
  }

  /**
   * Reads again what a start reads, and takes it. Never rejects: what is wrong is told in the log. A wish that comes while another one
   * is fulfilled has a turn of its own behind it, since files may have changed since they were read; any number of them has one turn.
   */
  reload(cause: string): Promise<void> {
    if (this.#stopped) {
      this.#logRefusal(cause);
      return Promise.resolve();
    }
    this.#requested = cause;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The gateway is shutting down: nothing new is taken. */
  stop(): void {
    this.#stopped = true;
    this.#requested = undefined;
  }

  async #run(): Promise<void> {
    for (let cause = this.#requested; cause !== undefined; cause = this.#requested) {
      this.#requested = undefined;
      await this.#events.begins();
      await this.#runOnce(cause).catch((error: unknown) => this.#logFailure(cause, error));
      await this.#events.ends();
    }
  }

  async #runOnce(cause: string): Promise<void> {
    const { warnings, ...loaded } = await loadServeSettings(this.#request);
    const reading = await this.#read(loaded.config);
    const prepared = await this.#serving.prepare(reading);
    if (this.#stopped) {
      this.#logRefusal(cause);
      return prepared.drop();
    }
    await prepared.take();
    const former = this.#inUse;
    this.#inUse = reading;
    this.#serving.log.adjust(reading.config.log);
    for (const warning of [...warnings, ...prepared.warnings]) this.#serving.log.warn(warning);
    this.#logSuccess(cause, former);
  }

  /** Like a start, but nothing is made: keys that are gone are a mistake by now. */
  async #read(config: Config): Promise<SettingsFiles> {
    const { dataDir } = this.#request;
    const { tokenKey } = await checkDataFolder(dataDir, config.tls.cert === undefined);
    return readSettingsFiles(config, dataDir, tokenKey ?? (await loadTokenKey(dataDir)));
  }

  #logRefusal(cause: string): void {
    this.#serving.log.warn('reload refused', { cause, reason: 'the gateway is shutting down' });
  }

  #logSuccess(cause: string, former: SettingsFiles): void {
    const { log } = this.#serving;
    const { config, tls } = this.#inUse;
    const changed = differingSettings(former.config, config).filter(({ needsRestart }) => !needsRestart);
    log.info('reloaded', {
      cause,
      changed: names(changed),
      certificate: tls.cert === former.tls.cert ? 'as before' : 'new',
      expires: tls.expires.toISOString(),
    });
    const waiting = differingSettings(this.#started, config).filter(({ needsRestart }) => needsRestart);
    if (waiting.length > 0) log.warn('needs a restart', { settings: names(waiting) });
  }

  #logFailure(cause: string, error: unknown): void {
    const { code, message, place, hint } = errorReportOf(error, { command: 'rdgw serve', flags: [] });
    this.#serving.log.error('reload failed, everything stays as it was', { cause, code, reason: message, place, hint });
  }
}

/** Their values may be secrets. */
function names(settings: readonly { readonly path: string }[]): readonly string[] | undefined {
  return settings.length === 0 ? undefined : settings.map(({ path }) => path);
}
