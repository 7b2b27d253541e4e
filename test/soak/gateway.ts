/** Runs `rdgw serve` as a process. Its resources are sampled from /proc and by a module inside it. */
import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mintToken } from '../../src/policy/token.js';
import { type GatewayProcess, type GatewayProcessOptions, type LogLine, startGatewayProcess } from '../lab/gateway.js';
import type { Lab } from '../lab/lab.js';
import { until } from '../lab/until.js';
import { RawClient, type Server, TRANSPORTS, type TransportKind } from '../support/client.js';
import type { TestTarget } from '../support/target.js';
import { SAMPLE_MS } from './plan.js';
import { AFTER_GC, openFiles, type ProcessSample, parseSamples, requestCollection } from './process.js';

const SAMPLER = fileURLToPath(new URL('sampler.cjs', import.meta.url));
/** Validity of tokens, longer than any soak. */
const TOKEN_MS = 24 * 3600 * 1000;
/** Limit until ended sessions have released their sockets: more than `LONGEST_LINGER_MS` of the gateway. */
const SETTLE_LIMIT_MS = 60_000;
/** Log events that no client, target or unauthenticated connection can cause. */
const UNEXPECTED_ERRORS = /"(error\.uncaught|connection\.failed)"/;

export interface SoakGateway extends Server {
  readonly pid: number;
  readonly process: GatewayProcess;
  readonly samplesFile: string;
  readonly logFile: string;
  log(): LogLine[];
  /** Log lines about unexpected errors. The gateway continues after them, but a test must fail. */
  unexpectedErrors(): Promise<string[]>;
  token(target: string, user?: string, expiresAt?: Date): Promise<string>;
  /** A client with an open channel to the target. */
  client(target: { readonly name: string; readonly port: number }, options?: SoakClientOptions): Promise<RawClient>;
  /** A sample of the process after a garbage collection. */
  sampleAfterGc(): Promise<ProcessSample>;
  /** Waits until the process has at most this many open files and sockets. */
  waitForFiles(files: number): Promise<void>;
}

export interface SoakClientOptions {
  readonly transport?: TransportKind;
  readonly user?: string;
  readonly resources?: readonly string[];
}

export interface SoakGatewayOptions extends GatewayProcessOptions {
  /** Additional flags of `rdgw serve`. */
  readonly flags?: readonly string[];
  /** The path of its log. */
  readonly logFile?: string;
}

let count = 0;

export async function startSoakGateway(lab: Lab, options: SoakGatewayOptions = {}): Promise<SoakGateway> {
  count += 1;
  const samplesFile = join(lab.folder, `samples-${count}.ndjson`);
  const { wrapper = [], env = {}, flags = [], logFile = join(lab.folder, `gateway-${count}.log`), listen } = options;
  const process = await startGatewayProcess(lab, flags, {
    // The log is written to a file, so that it does not use memory of the test.
    wrapper: ['sh', '-c', 'exec "$@" 2>>"$0"', logFile, ...wrapper],
    env: {
      NODE_OPTIONS: `--require=${SAMPLER}`,
      SOAK_SAMPLES: samplesFile,
      SOAK_SAMPLE_MS: `${SAMPLE_MS}`,
      // Most sessions of a soak have the same user.
      RDGW_LIMITS_TUNNELS_PER_USER: '10000',
      ...env,
    },
    ...(listen === undefined ? {} : { listen }),
  }).catch((error: Error) => {
    throw new Error(`${error.message}${existsSync(logFile) ? readFileSync(logFile, 'utf8') : ''}`);
  });
  const { port, child } = process;
  const { pid } = child;
  const ca = readFileSync(process.caFile, 'utf8');
  const key = await process.key();
  const token: SoakGateway['token'] = (target, user = 'soak', expiresAt = new Date(Date.now() + TOKEN_MS)) =>
    mintToken(key, { user, targets: [target], audience: process.host, expiresAt, id: randomBytes(8).toString('hex') });
  const collections = (): ProcessSample[] => parseSamples(samplesFile, pid).filter(({ note }) => note === AFTER_GC);
  return {
    port,
    ca,
    pid,
    process,
    samplesFile,
    logFile,
    token,
    async unexpectedErrors() {
      const found: string[] = [];
      // Reads line by line, because the log of an hour is too large for memory.
      for await (const line of createInterface({ input: createReadStream(logFile) }))
        if (UNEXPECTED_ERRORS.test(line)) found.push(line);
      return found;
    },
    log: () => (existsSync(logFile) ? linesOf(readFileSync(logFile, 'utf8')) : []),
    async client(target, { transport = 'websocket', user, resources } = {}) {
      const options = { transport, token: await token(target.name, user), port: target.port };
      return RawClient.open({ port, ca }, { ...options, ...(resources === undefined ? {} : { resources }) });
    },
    async sampleAfterGc() {
      const before = collections().length;
      requestCollection(pid);
      return until('a sample of the gateway', SETTLE_LIMIT_MS, () => collections()[before]);
    },
    async waitForFiles(files) {
      let last = Number.NaN;
      await until('sockets to be closed', SETTLE_LIMIT_MS, () => {
        last = openFiles(pid);
        return last <= files;
      }).catch((error: Error) => {
        throw new Error(`${error.message}: ${last} are open, ${files} are allowed`);
      });
    },
  };
}

/** The valid lines of JSON. Lines may be incomplete at the end, or where the disk was full. */
function linesOf(text: string): LogLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [JSON.parse(line) as LogLine] : [];
    } catch {
      return [];
    }
  });
}

const MESSAGE = Buffer.from('echo request');

/** Rejects unless a new session over each transport opens and transfers data. */
export async function expectServing(gateway: SoakGateway, echo: TestTarget): Promise<void> {
  for (const transport of TRANSPORTS) {
    const client = await gateway.client(echo, { transport });
    await expectSessionWorks(client);
    client.pipe.close();
  }
}

/** Rejects unless a session to an echo target still transfers data. */
export async function expectSessionWorks(client: RawClient): Promise<void> {
  const before = client.receivedBytes;
  client.send(MESSAGE);
  await client.waitForBytes(before + MESSAGE.length);
  if (client.closed) throw new Error('the session has ended');
}
