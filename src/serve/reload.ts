/** Reloads settings, certificates and keys while `rdgw serve` runs: all of them, or none. */
import { checkDataFolder } from '../certs/check.js';
import { loadTokenKey } from '../certs/token-key.js';
import { errorReportOf } from '../cli/error-report.js';
import { differingSettings } from '../config/changed-settings.js';
import type { Config } from '../config/schema.js';
import type { Serving } from './serve.js';
import { loadServeSettings, type ServeRequest } from './settings.js';
import { readSettingsFiles, type SettingsFiles } from './settings-files.js';

export interface ReloadEvents {
  /** A reload waits for both, so that the service manager gets its notifications in order. */
  readonly started: () => Promise<void>;
  readonly ended: () => Promise<void>;
}

export class Reloader {
  readonly #request: ServeRequest;
  readonly #serving: Pick<Serving, 'prepare' | 'log'>;
  readonly #events: ReloadEvents;
  /** The settings of the start. Those that need a restart keep these values. */
  readonly #startConfig: Config;
  #inUse: SettingsFiles;
  #running: Promise<void> | undefined;
  #requested: string | undefined;
  #stopped = false;

  constructor(request: ServeRequest, serving: Serving, events: ReloadEvents) {
    this.#request = request;
    this.#serving = serving;
    this.#events = events;
    this.#inUse = serving.settingsFiles;
    this.#startConfig = serving.settingsFiles.config;
  }

  /** The settings files in use now. */
  get inUse(): SettingsFiles {
    return this.#inUse;
  }

  /**
   * Reads the settings files again and applies them. Never rejects: a failure is logged. Requests during a reload lead
   * to one further reload after it, however many they are: files may have changed since they were read.
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

  /** Refuses reloads from now on, because the gateway is shutting down. */
  stop(): void {
    this.#stopped = true;
    this.#requested = undefined;
  }

  async #run(): Promise<void> {
    for (let cause = this.#requested; cause !== undefined; cause = this.#requested) {
      this.#requested = undefined;
      await this.#events.started();
      await this.#runOnce(cause).catch((error: unknown) => this.#logFailure(cause, error));
      await this.#events.ended();
    }
  }

  async #runOnce(cause: string): Promise<void> {
    const { warnings, ...loaded } = await loadServeSettings(this.#request);
    const files = await this.#read(loaded.config);
    const prepared = await this.#serving.prepare(files);
    if (this.#stopped) {
      this.#logRefusal(cause);
      return prepared.discard();
    }
    await prepared.apply();
    const former = this.#inUse;
    this.#inUse = files;
    this.#serving.log.adjust(files.config.log);
    for (const warning of [...warnings, ...prepared.warnings])
      this.#serving.log.event('configuration.warning', { warning });
    this.#logSuccess(cause, former);
  }

  /** Like a start, but creates no missing files: a key that disappeared since the start is a mistake. */
  async #read(config: Config): Promise<SettingsFiles> {
    const { dataDir } = this.#request;
    const { tokenKey } = await checkDataFolder(dataDir, config.tls.cert === undefined);
    return readSettingsFiles(config, dataDir, tokenKey ?? (await loadTokenKey(dataDir)));
  }

  #logRefusal(cause: string): void {
    this.#serving.log.event('reload.refused', { cause, reason: 'the gateway is shutting down' });
  }

  #logSuccess(cause: string, former: SettingsFiles): void {
    const { log } = this.#serving;
    const { config, tls } = this.#inUse;
    const changed = differingSettings(former.config, config).filter(({ needsRestart }) => !needsRestart);
    log.event('reload.completed', {
      cause,
      changed: pathsOf(changed),
      certificate: tls.cert === former.tls.cert ? 'as before' : 'new',
      expires: tls.expires.toISOString(),
    });
    const pending = differingSettings(this.#startConfig, config).filter(({ needsRestart }) => needsRestart);
    if (pending.length > 0) log.event('reload.restart_required', { settings: pathsOf(pending) });
  }

  #logFailure(cause: string, error: unknown): void {
    const { code, message, place, hint } = errorReportOf(error, { command: 'rdgw serve', flags: [] });
    this.#serving.log.event('reload.failed', { cause, code, reason: message, place, hint });
  }
}

/** The paths of settings without their values, which may be secrets. */
function pathsOf(settings: readonly { readonly path: string }[]): readonly string[] | undefined {
  return settings.length === 0 ? undefined : settings.map(({ path }) => path);
}
