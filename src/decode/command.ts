/** The flags of `rdgw decode` as one request. */
import type { Direction } from '../capture/dissection.js';
import { sslKeyLogFile } from '../cli/environment.js';
import { Fault } from '../fault.js';
import { colours } from '../render/theme.js';
import { parseFilter } from './filter.js';
import { InnerCapture } from './inner-capture.js';
import { hasRoomForProgress, Output } from './output.js';
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
  /** `--json`: one summary in place of everything else. */
  readonly json: boolean;
}

/** Throws a `Fault` for flags that do not go together and for input that cannot be read. */
export async function decodeCommand(flags: DecodeFlags): Promise<DecodeResult> {
  if ((flags.file === undefined) === (flags.hex === undefined)) {
    const message = flags.file === undefined ? 'there is nothing to decode' : 'a file and --hex do not go together';
    throw new Fault({
      kind: 'usage',
      code: 'DECODE_INPUT',
      message,
      hint: 'rdgw decode capture.pcap, or rdgw decode --hex BYTES',
    });
  }
  const show = flags.json ? 'nothing' : flags.stats ? 'stats' : flags.format === 'ndjson' ? 'ndjson' : 'tree';
  const output = new Output({
    out: process.stdout,
    theme: colours,
    width: process.stdout.columns ?? 80,
    progress: hasRoomForProgress(process.stdout, process.stderr, show) ? process.stderr : undefined,
  });
  const filter = flags.filter === undefined ? undefined : parseFilter(flags.filter);
  const cleaning = [() => output.progressDone()];
  // Before there is a file that could be left behind.
  const forget = atSuddenEnd(cleaning);
  const inner = flags.write === undefined ? undefined : new InnerCapture(flags.write, flags.file);
  if (inner) cleaning.push(() => inner.discard());
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
      also: inner && ((event) => inner.add(event)),
    },
    output,
  ).catch((error: unknown) => {
    output.progressDone();
    inner?.discard();
    throw error;
  });
  inner?.finish();
  forget();
  const empty = inner?.isEmpty ? [`${flags.write}: no conversation carried any data, so the capture is empty`] : [];
  const placeholders = [...(inner?.placeholders ?? [])].map(
    ([name, address]) => `${flags.write}: ${address} stands for ${name}`,
  );
  return { ...result, warnings: [...result.warnings, ...warningsOf(result, flags), ...empty, ...placeholders] };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What has to be done when the process ends from outside; more may be added. Returns how to call that off. */
function atSuddenEnd(cleaning: readonly (() => void)[]): () => void {
  const clean = (): void => {
    for (const step of cleaning) step();
  };
  // The signal itself ends the process: `exit` would wait for a read of a named pipe to which nobody writes.
  const end = (signal: NodeJS.Signals): void => {
    clean();
    forget();
    process.kill(process.pid, signal);
  };
  const forget = (): void => {
    process.off('exit', clean);
    for (const signal of SIGNALS) process.off(signal, end);
  };
  process.once('exit', clean);
  for (const signal of SIGNALS) process.once(signal, end);
  return forget;
}

function directionOf(sender: string | undefined): Direction | undefined {
  if (sender === undefined) return undefined;
  return sender === 'client' ? 'client-to-server' : 'server-to-client';
}

function warningsOf({ understood, problem }: DecodeResult, { file }: DecodeFlags): string[] {
  const warnings: string[] = [];
  if (problem) warnings.push(`${file}: ${problem.message}, at byte ${problem.offset} (${problem.code})`);
  if (!understood && !problem && file !== undefined)
    warnings.push(`${file}: no conversation with a gateway was understood`);
  return warnings;
}
