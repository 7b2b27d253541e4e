import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Certificate } from './authority.js';
import type { Lab } from './lab.js';

/** A TLS server in place of a gateway. Each received request shows that a client trusted the certificate. */
export interface Probe {
  readonly port: number;
  /** TCP connections so far. */
  connections(): number;
  /** The request heads of clients that trusted the certificate. FreeRDP verifies it only after the TLS handshake. */
  requests(): readonly string[];
}

/** @param status the HTTP status of every response */
export async function startProbe(lab: Lab, certificate: Certificate, status = 403): Promise<Probe> {
  const requests: string[] = [];
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer({ cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) });
  server.on('connection', (socket: Socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
  });
  server.on('secureConnection', (socket) => {
    let head = '';
    socket.on('error', () => undefined).setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      head += chunk;
      if (!head.includes('\r\n\r\n')) return;
      requests.push(head);
      socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  lab.onClose(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the probe has no port');
  return { port: address.port, connections: () => connections, requests: () => requests };
}
