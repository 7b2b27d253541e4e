import { resolve } from 'node:path';
import { loadConfig } from '../config/index.js';
import { formatRdp, formatText } from '../rdpfile/format.js';
import { saveRdp } from '../rdpfile/save.js';
import { type ConnectionRequest, makeConnection } from './connection.js';
import { shellWord } from './shell.js';

/** The flags of `rdgw mkrdp`, unparsed. */
export interface MkrdpRequest extends ConnectionRequest {
  readonly dataDir: string;
  readonly config?: string | undefined;
  /** `-` is stdout. */
  readonly output?: string | undefined;
  readonly force?: boolean | undefined;
}

export interface MadeFile {
  readonly warnings: readonly string[];
  /** The file, if it is written to stdout. */
  readonly bytes: Uint8Array | undefined;
  /** A line for stdout, if the file is not written there. */
  readonly result: string | undefined;
  /** A line for stderr: the next step. */
  readonly next: string;
  /** The output of `--json`. It contains the token only if the file is written to stdout. */
  readonly json: unknown;
}

/**
 * Makes the file and saves it, unless `output` is `-`. Throws the faults of `loadConfig`, `makeConnection` and
 * `saveRdp`.
 */
export async function makeFile(request: MkrdpRequest): Promise<MadeFile> {
  const { config } = await loadConfig({ file: request.config, env: process.env });
  const connection = await makeConnection(request, config, request.dataDir);
  const { settings, target, gateway, holder, tokenLength, fileName, warnings } = connection;
  const { user = null, expires } = holder ?? {};
  const facts = { target, gateway, user, expires: expires?.toISOString() ?? null, tokenLength };
  const until = expires
    ? `for ${user}, through ${gateway}, until ${localTime(expires)}`
    : `through ${gateway}, with the token of --set`;
  if (request.output === '-') {
    return {
      warnings,
      bytes: formatRdp(settings),
      result: undefined,
      next: `An .rdp file ${until}.`,
      json: { file: '-', ...facts, content: formatText(settings) },
    };
  }
  const path = request.output ?? fileName;
  const replaced = await saveRdp(resolve(path), settings, request.force ?? false);
  return {
    warnings,
    bytes: undefined,
    result: `${replaced ? 'Replaced' : 'Made'} ${path} ${until}.`,
    next: `Open it with mstsc, or: xfreerdp ${asArgument(path)}`,
    json: { file: resolve(path), ...facts },
  };
}

/** `2026-11-24 07:12`, in local time. */
function localTime(date: Date): string {
  const pad = (number: number): string => String(number).padStart(2, '0');
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join('-');
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** A path as a shell argument that no program takes for a flag. */
function asArgument(path: string): string {
  return shellWord(path.startsWith('-') ? `./${path}` : path);
}
