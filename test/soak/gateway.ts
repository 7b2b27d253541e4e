/** `rdgw serve` under watch: a process of its own, its log in a file, what it holds on to sampled from outside and inside. */
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
import { COLLECTED, collect, type Inside, openFiles, parseSamples } from './process.js';

const SAMPLER = fileURLToPath(new URL('sampler.cjs', import.meta.url));
/** Longer than any soak. */
const TOKEN_MS = 24 * 3600 * 1000;
/** The lingering of ended sessions is over by then: `LONGEST_LINGER_MS` of the gateway, and a busy machine. */
const SETTLE_LIMIT_MS = 60_000;
/** Messages of the log that no client, target or stranger can bring about. */
const TROUBLES = /"(stray error|connection failed)"/;

export interface SoakGateway extends Server {
  readonly pid: number;
  readonly process: GatewayProcess;
  readonly samplesFile: string;
  readonly logFile: string;
  log(): LogLine[];
  /** Lines of its log about errors that nobody foresaw: it survives them, and a test must not. */
  troubles(): Promise<string[]>;
  token(target: string, user?: string, expiresAt?: Date): Promise<string>;
  /** A client whose channel to this target is open. */
  client(target: { readonly name: string; readonly port: number }, how?: ClientHow): Promise<RawClient>;
  /** What it holds on to without garbage. */
  collected(): Promise<Inside>;
  /** Until it holds no more files and sockets than this. */
  settles(files: number): Promise<void>;
}

export interface ClientHow {
  readonly transport?: TransportKind;
  readonly user?: string;
  readonly resources?: readonly string[];
}

export interface SoakGatewayOptions extends GatewayProcessOptions {
  /** More flags of `rdgw serve`. */
  readonly flags?: readonly string[];
  /** Where its log goes. */
  readonly logFile?: string;
}

let count = 0;

export async function startSoakGateway(lab: Lab, options: SoakGatewayOptions = {}): Promise<SoakGateway> {
  count += 1;
  const samplesFile = join(lab.folder, `samples-${count}.ndjson`);
  const { through = [], env = {}, flags = [], logFile = join(lab.folder, `gateway-${count}.log`), listen } = options;
  const process = await startGatewayProcess(lab, flags, {
    // The log goes to a file, as it does in service, and not through the memory of the test.
    through: ['sh', '-c', 'exec "$@" 2>>"$0"', logFile, ...through],
    env: { NODE_OPTIONS: `--require=${SAMPLER}`, SOAK_SAMPLES: samplesFile, SOAK_SAMPLE_MS: `${SAMPLE_MS}`, ...env },
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
  const collections = (): Inside[] => parseSamples(samplesFile, pid).filter(({ note }) => note === COLLECTED);
  return {
    port,
    ca,
    pid,
    process,
    samplesFile,
    logFile,
    token,
    async troubles() {
      const found: string[] = [];
      // Line by line: the log of an hour is larger than memory should be.
      for await (const line of createInterface({ input: createReadStream(logFile) }))
        if (TROUBLES.test(line)) found.push(line);
      return found;
    },
    log: () => (existsSync(logFile) ? linesOf(readFileSync(logFile, 'utf8')) : []),
    async client(target, { transport = 'websocket', user, resources } = {}) {
      const options = { transport, token: await token(target.name, user), port: target.port };
      return RawClient.open({ port, ca }, { ...options, ...(resources === undefined ? {} : { resources }) });
    },
    async collected() {
      const before = collections().length;
      collect(pid);
      return until('the gateway to tell what it holds', SETTLE_LIMIT_MS, () => collections()[before]);
    },
    async settles(files) {
      let last = Number.NaN;
      await until('sockets to be closed', SETTLE_LIMIT_MS, () => {
        last = openFiles(pid);
        return last <= files;
      }).catch((error: Error) => {
        throw new Error(`${error.message}: ${last} are open, ${files} were`);
      });
    },
  };
}

/** Whole lines of JSON; the last one may be half written, or cut where the disk was full. */
function linesOf(text: string): LogLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [JSON.parse(line) as LogLine] : [];
    } catch {
      return [];
    }
  });
}

const GREETING = Buffer.from('still there?');

/** Fails unless a new session over each transport opens, moves data and ends. */
export async function expectServing(gateway: SoakGateway, echo: TestTarget): Promise<void> {
  for (const transport of TRANSPORTS) {
    const client = await gateway.client(echo, { transport });
    await expectMoving(client);
    client.pipe.close();
  }
}

/** Fails unless a session to an echoing target still moves data. */
export async function expectMoving(client: RawClient): Promise<void> {
  const before = client.receivedBytes;
  client.send(GREETING);
  await client.gets(before + GREETING.length);
  if (client.closed) throw new Error('the session has ended');
}
