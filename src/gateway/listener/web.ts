/** Ordinary HTTP on the gateway's port: health checks, and an answer to everything that is no gateway request. */
import type { RequestHead } from '../../http/head.js';
import { textResponse } from '../http/respond.js';

/** Why the gateway takes no new tunnels, as `/healthz` reports it. */
export type Unhealthy = 'draining' | 'overloaded' | undefined;

/**
 * The answer to an ordinary request. No request here needs a body: after one with a body the caller ends the connection
 * instead of reading it.
 * @param isLast whether the caller ends the connection after this answer
 */
export function webResponse({ method, path }: RequestHead, unhealthy: Unhealthy, isLast: boolean): Buffer {
  const headers = { Connection: isLast ? 'close' : 'keep-alive', Date: new Date().toUTCString() };
  if (path !== '/healthz') return withoutBody(method, textResponse(404, 'not found', headers));
  if (method !== 'GET' && method !== 'HEAD') return textResponse(405, 'use GET', { ...headers, Allow: 'GET, HEAD' });
  return withoutBody(method, textResponse(unhealthy === undefined ? 200 : 503, unhealthy ?? 'ok', headers));
}

/** The response to HEAD is that to GET with its Content-Length, but without its body (RFC 9110 9.3.2). */
function withoutBody(method: string, response: Buffer): Buffer {
  return method === 'HEAD' ? response.subarray(0, response.indexOf('\r\n\r\n') + 4) : response;
}
