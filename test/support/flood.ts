/** Floods of connections without an identity, from a process of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('flood.cjs', import.meta.url));

/** How far the connections go before they stop, and `dripping`: one byte of a ClientHello each second. */
export const FLOODS = ['silent', 'dripping', 'hello', 'tls', 'half head', 'idle HTTP'] as const;

export interface FloodOptions {
  readonly port: number;
  readonly kind: (typeof FLOODS)[number];
  /** How many it keeps open. One that the gateway ends is opened again. */
  readonly connections: number;
  /** Number of addresses of 127.0.0.0/8 that they come from. */
  readonly addresses: number;
  /** The most that it opens in a second. */
  readonly perSecond: number;
}

export interface FloodCounts {
  readonly made: number;
  readonly open: number;
  readonly ended: number;
  readonly 'made per second': number;
}

export interface Flood {
  /** Ends the flood. */
  stop(): Promise<FloodCounts>;
}

/** Starts a flood. Resolves when it has opened each of its connections once. */
export async function startFlood(options: FloodOptions): Promise<Flood> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  return {
    async stop() {
      child.kill('SIGTERM');
      await ended;
      return JSON.parse(output.slice(output.indexOf('{')));
    },
  };
}
