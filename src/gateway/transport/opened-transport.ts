import type { Socket } from 'node:net';
import type { Client } from '../http/client.js';
import type { RdgRequest } from '../http/request.js';
import type { Transport } from './transport.js';

/** An open transport, as a tunnel gets it. */
export interface OpenedTransport {
  readonly transport: Transport;
  readonly request: RdgRequest;
  readonly client: Client;
  readonly sockets: readonly Socket[];
  /** To be called once, when the user is authenticated. */
  readonly authenticated: () => void;
  /** To be called once, when the session has ended; sockets may still linger. */
  readonly ended: () => void;
}
