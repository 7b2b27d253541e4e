import { resolve } from 'node:path';
import { Command, Errors, Flags, type Interfaces } from '@oclif/core';
import type { Context } from './error-report.js';
import { reportError, reportWarning } from './print-error.js';

/** `--config`, for commands that read the configuration. */
export const configFlag = {
  config: Flags.string({
    helpGroup: 'GLOBAL',
    helpValue: 'FILE',
    summary: 'Configuration file. The default is ./rdgw.yaml, else ~/.config/rdgw/rdgw.yaml, where there is one.',
    env: 'RDGW_CONFIG',
  }),
};

/**
 * What every command of rdgw is: results on stdout, talk on stderr, `--json`, the data folder, and the only place where
 * errors become words and exit codes. A command throws and never catches.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    json: Flags.boolean({ helpGroup: 'GLOBAL', summary: 'Print the result as JSON.' }),
    'data-dir': Flags.string({
      helpGroup: 'GLOBAL',
      helpValue: 'DIR',
      summary: 'Folder of certificates and keys.',
      env: 'RDGW_DATA_DIR',
    }),
  };

  #dataDir: string | undefined;

  /** The data folder, absolute: `--data-dir`, `RDGW_DATA_DIR` or the user's own. Known once the flags are parsed. */
  protected get dataDir(): string {
    return resolve(this.#dataDir || this.config.dataDir);
  }

  /** A result, on stdout. Silent with `--json`, where the returned value is the result. */
  protected show(text = ''): void {
    if (!this.jsonEnabled()) process.stdout.write(`${text}\n`);
  }

  /** A result that is not text, on stdout, as it is. Silent with `--json`. */
  protected showBytes(bytes: Uint8Array): void {
    if (!this.jsonEnabled()) process.stdout.write(bytes);
  }

  /** Talk, on stderr. Silent with `--json`. */
  protected say(text = ''): void {
    if (!this.jsonEnabled()) process.stderr.write(`${text}\n`);
  }

  /** As oclif prints it, which cuts a large result into a list of all its words first. */
  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
  }

  /** A warning, on stderr, with `--json` too. */
  override warn(input: Error | string): Error | string {
    reportWarning(input instanceof Error ? input.message : input);
    return input;
  }

  // biome-ignore-start lint/suspicious/noExplicitAny: oclif's own signature
  protected override async parse<
    F extends Record<string, any>,
    B extends Record<string, any>,
    A extends Record<string, any>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse<F, B, A>(options, argv);
    this.#dataDir = parsed.flags['data-dir'];
    return parsed;
  }
  // biome-ignore-end lint/suspicious/noExplicitAny: oclif's own signature

  protected override async catch(error: Error): Promise<never> {
    if (error instanceof Errors.ExitError) throw error;
    // Not oclif's own JSON, which would hold the command line, secrets included.
    const exit = reportError(error, this.#context(), this.jsonEnabled() ? 'json' : 'words');
    // oclif prints nothing for this kind and takes the code from it, with --json as without.
    throw new Errors.ExitError(exit);
  }

  #context(): Context {
    const { flags = {}, baseFlags = {} } = this.ctor;
    const command = `${this.config.bin} ${(this.id ?? '').replaceAll(':', ' ')}`.trim();
    return { command, flags: [...Object.keys(flags), ...Object.keys(baseFlags), 'help'] };
  }
}
