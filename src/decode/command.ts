/** Runs `rdgw decode` with the flags of the command line. */
import type { Direction } from '../capture/dissection.js';
import { sslKeyLogFile } from '../cli/environment.js';
import { Fault } from '../fault.js';
import { colours } from '../render/theme.js';
import { parseFilter } from './filter.js';
import { InnerCapture } from './inner-capture.js';
import { canShowProgress, Output } from './output.js';
import type { DecodeResult } from './request.js';
import { runDecode } from './run.js';

export interface DecodeFlags {
  readonly file: string | undefined;
  readonly hex?: string | undefined;
  readonly encoding: string;
  readonly direction?: string | undefined;
  readonly keylog?: readonly string[] | undefined;
  readonly format: string;
  readonly stats: boolean;
  readonly filter?: string | undefined;
  readonly limit?: number | undefined;
  readonly inner: boolean;
  readonly bytes: boolean;
  readonly payload: boolean;
  readonly verbose: boolean;
  readonly secrets: boolean;
  readonly write?: string | undefined;
  /** `--json`: one summary instead of any other output. */
  readonly json: boolean;
}

/** Throws a `Fault` for flags that cannot be combined and for input that cannot be read. */
export async function decodeCommand(flags: DecodeFlags): Promise<DecodeResult> {
  if ((flags.file === undefined) === (flags.hex === undefined)) {
    const message =
      flags.file === undefined ? 'nothing to decode: no FILE and no --hex' : 'FILE and --hex cannot be combined';
    throw new Fault({
      kind: 'usage',
      code: 'DECODE_INPUT',
      message,
      hint: 'for example rdgw decode capture.pcap, or rdgw decode --hex 0d00000008000000',
    });
  }
  const show = flags.json ? 'nothing' : flags.stats ? 'stats' : flags.format === 'ndjson' ? 'ndjson' : 'tree';
  const output = new Output({
    out: process.stdout,
    theme: colours,
    width: process.stdout.columns ?? 80,
    progress: canShowProgress(process.stdout, process.stderr, show) ? process.stderr : undefined,
  });
  const filter = flags.filter === undefined ? undefined : parseFilter(flags.filter);
  const cleanups = [() => output.progressDone()];
  // Installed before InnerCapture creates its file.
  const removeHandlers = cleanUpOnExit(cleanups);
  const inner = flags.write === undefined ? undefined : new InnerCapture(flags.write, flags.file);
  if (inner) cleanups.push(() => inner.discard());
  const result = await runDecode(
    {
      file: flags.file,
      hex: flags.hex,
      encoding: flags.encoding === 'base64' ? 'base64' : 'hex',
      keylogs: flags.keylog ?? [],
      environmentKeylog: flags.keylog ? undefined : sslKeyLogFile(),
      direction: directionOf(flags.direction),
      show,
      filter,
      limit: flags.limit,
      inner: flags.inner,
      bytes: flags.bytes,
      verbose: flags.verbose,
      payload: flags.payload,
      secrets: flags.secrets,
      onEvent: inner && ((event) => inner.add(event)),
    },
    output,
  ).catch((error: unknown) => {
    output.progressDone();
    inner?.discard();
    throw error;
  });
  inner?.finish();
  removeHandlers();
  const empty = inner?.isEmpty ? [`${flags.write}: no conversation carried any data, so the capture is empty`] : [];
  const placeholders = [...(inner?.placeholders ?? [])].map(
    ([name, address]) => `${flags.write}: the address ${address} stands for the host name ${name}`,
  );
  return { ...result, warnings: [...result.warnings, ...warningsOf(result, flags), ...empty, ...placeholders] };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `cleanups` when the process exits or is ended by a signal. The array may grow afterwards.
 * @returns a function that removes the handlers.
 */
function cleanUpOnExit(cleanups: readonly (() => void)[]): () => void {
  const clean = (): void => {
    for (const step of cleanups) step();
  };
  // The process ends by the signal: `process.exit` would wait for a pending read of a named pipe without a writer.
  const end = (signal: NodeJS.Signals): void => {
    clean();
    removeHandlers();
    process.kill(process.pid, signal);
  };
  const removeHandlers = (): void => {
    process.off('exit', clean);
    for (const signal of SIGNALS) process.off(signal, end);
  };
  process.once('exit', clean);
  for (const signal of SIGNALS) process.once(signal, end);
  return removeHandlers;
}

function directionOf(sender: string | undefined): Direction | undefined {
  if (sender === undefined) return undefined;
  return sender === 'client' ? 'client-to-server' : 'server-to-client';
}

function warningsOf({ understood, problem }: DecodeResult, { file }: DecodeFlags): string[] {
  const warnings: string[] = [];
  if (problem) warnings.push(`${file}: ${problem.message}, at byte ${problem.offset} (${problem.code})`);
  if (!understood && !problem && file !== undefined) warnings.push(`${file}: no gateway conversation could be decoded`);
  return warnings;
}
