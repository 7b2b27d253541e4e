/** Reads the PROXY header at the start of a connection, before TLS. */
import type { Socket } from 'node:net';
import { type ProxyHeader, ProxyHeaderError, parseProxyHeader } from '../../proxy/proxy-header.js';
import { readStart } from '../io/read-start.js';

/**
 * Reads one PROXY header and nothing after it. The caller keeps an `error` listener on the socket.
 *
 * Rejects with a ProxyHeaderError for a header that is malformed, is not complete after `deadlineMs` (`PROXY_TIMEOUT`), or is cut
 * by the end of the connection (`PROXY_CUT`).
 */
export async function readProxyHeader(socket: Socket, deadlineMs: number): Promise<ProxyHeader> {
  const header = await readStart(socket, deadlineMs, (bytes) => {
    const value = parseProxyHeader(bytes);
    return value && { value, length: value.length };
  });
  if (header === 'late') throw new ProxyHeaderError('PROXY_TIMEOUT', 'the PROXY header did not arrive in time');
  if (header === 'ended') throw new ProxyHeaderError('PROXY_CUT', 'the connection ended before its PROXY header');
  return header;
}
