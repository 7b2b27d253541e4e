import { resolve } from 'node:path';
import { Command, Errors, Flags, type Interfaces } from '@oclif/core';
import type { Context } from './error-report.js';
import { reportError, reportWarning } from './print-error.js';

/** `--config`, for commands that read the configuration. */
export const configFlag = {
  config: Flags.string({
    helpGroup: 'GLOBAL',
    helpValue: 'FILE',
    summary: 'Configuration file. The default is ./rdgw.yaml, else ~/.config/rdgw/rdgw.yaml, if it exists.',
    env: 'RDGW_CONFIG',
  }),
};

/** For a flag that takes one value each time. Without `multipleNonGreedy` it would also take the arguments that follow. */
export const repeatable = { multiple: true, multipleNonGreedy: true } as const;

/**
 * The base class of every command. It prints results to stdout and everything else to stderr, and handles `--json`, the
 * data folder, error messages and exit codes. Commands throw errors and do not catch them.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    json: Flags.boolean({ helpGroup: 'GLOBAL', summary: 'Print the result as JSON.' }),
    'data-dir': Flags.string({
      helpGroup: 'GLOBAL',
      helpValue: 'DIR',
      summary: 'Folder of certificates and keys. The default is ~/.local/share/rdgw, on Windows %LOCALAPPDATA%\\rdgw.',
      env: 'RDGW_DATA_DIR',
    }),
  };

  #dataDir: string | undefined;

  /** The absolute path of the data folder: `--data-dir`, `RDGW_DATA_DIR` or the user's own. Valid after `parse`. */
  protected get dataDir(): string {
    return resolve(this.#dataDir || this.config.dataDir);
  }

  /**
   * Prints a line of the result to stdout. Prints nothing with `--json`: the value that `run` returns is the result.
   */
  protected show(text = ''): void {
    if (!this.jsonEnabled()) process.stdout.write(`${text}\n`);
  }

  /** Writes a binary result to stdout. Writes nothing with `--json`. */
  protected showBytes(bytes: Uint8Array): void {
    if (!this.jsonEnabled()) process.stdout.write(bytes);
  }

  /** Prints a line of information to stderr. Prints nothing with `--json`. */
  protected showInfo(text = ''): void {
    if (!this.jsonEnabled()) process.stderr.write(`${text}\n`);
  }

  /** Same output as oclif's own, which first splits a large result into an array of all its tokens. */
  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
  }

  /** Prints a warning to stderr, with `--json` too. */
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
    // oclif's own JSON contains the command line, secrets included.
    const exit = reportError(error, this.#context(), this.jsonEnabled() ? 'json' : 'text');
    // oclif prints nothing for an ExitError and exits with its code, with and without --json.
    throw new Errors.ExitError(exit);
  }

  #context(): Context {
    const { flags = {}, baseFlags = {} } = this.ctor;
    const command = `${this.config.bin} ${(this.id ?? '').replaceAll(':', ' ')}`.trim();
    return { command, flags: [...Object.keys(flags), ...Object.keys(baseFlags), 'help'] };
  }
}
