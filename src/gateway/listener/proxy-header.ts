/** Reads the PROXY header at the start of a connection, before TLS. */
import type { Socket } from 'node:net';
import { type ProxyHeader, ProxyHeaderError, parseProxyHeader } from '../../proxy/proxy-header.js';

/**
 * Reads one PROXY header and puts the bytes after it back into the socket, so that TLS or a reader of requests can take over at
 * once. It leaves no listener and no timer.
 *
 * Rejects with a ProxyHeaderError for a header that is malformed, is not complete after `deadlineMs` (`PROXY_TIMEOUT`), or is cut
 * by the end of the connection (`PROXY_CUT`).
 */
export function readProxyHeader(socket: Socket, deadlineMs: number): Promise<ProxyHeader> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable);
      for (const event of ['end', 'close', 'error']) socket.off(event, onEnd);
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error);
    };
    const onEnd = (): void => fail(new ProxyHeaderError('PROXY_CUT', 'the connection ended before its PROXY header'));
    const onReadable = (): void => {
      for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
        let header: ProxyHeader | undefined;
        try {
          header = parseProxyHeader(bytes);
        } catch (error) {
          return fail(error);
        }
        if (header === undefined) continue;
        // The listeners are removed first: unshift emits 'readable', which must not call this function again.
        stop();
        if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
        return resolve(header);
      }
    };
    const timer = setTimeout(
      () => fail(new ProxyHeaderError('PROXY_TIMEOUT', 'the PROXY header did not arrive in time')),
      deadlineMs,
    );
    for (const event of ['end', 'close', 'error']) socket.on(event, onEnd);
    socket.on('readable', onReadable);
  });
}
