/** Makes a gateway log, and asks whether it still answers. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Connections that fail in the TLS handshake: each has one line of some 250 bytes in a log of the level `debug`. */
export async function failedHandshakes(port: number, count: number): Promise<void> {
  const one = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.end('\x16\x03\x01\x00\x05junk!').resume();
    await once(socket, 'close');
  };
  for (let done = 0; done < count; done += 50) await Promise.all(Array.from({ length: 50 }, one));
}

/** The status of `/healthz`. The CA is in the data folder of `folder`. */
export function health(folder: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(join(folder, 'data/ca.pem'));
    const get = request({ host: '127.0.0.1', port, path: '/healthz', ca, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    get.on('error', reject).end();
  });
}

/** The environment of a gateway whose handshakes never wait for a turn, which would have lines of its own in the log. */
export const WITHOUT_HANDSHAKE_RATE = {
  RDGW_LIMITS_HANDSHAKE_RATE: '100000',
  RDGW_LIMITS_HANDSHAKE_RATE_PER_ADDRESS: '100000',
} as const;
