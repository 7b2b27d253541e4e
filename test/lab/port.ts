import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** A port of 127.0.0.1 that nobody holds at this moment, for a program that cannot choose one itself. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(address)));
    });
  });
}

/** Whether somebody listens, told by the kernel's table: a connection to find out would be one too many for a counter. */
export function isListening(port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((table) =>
    readFileSync(table, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .some(([, local, , state]) => local?.endsWith(`:${wanted}`) === true && state === LISTEN),
  );
}

/** TCP_LISTEN of Linux. */
const LISTEN = '0A';
