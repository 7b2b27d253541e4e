import type { Socket } from 'node:net';
import type { RdgRequest } from '../http/request.js';
import type { Transport } from './transport.js';

/** A transport that is up, as the tunnel gets it. */
export interface OpenedTransport {
  readonly transport: Transport;
  readonly request: RdgRequest;
  readonly peer: string;
  readonly sockets: readonly Socket[];
  /** To be called once, when the user is known. */
  readonly authenticated: () => void;
  /** To be called once, when nothing of the tunnel is left but lingering sockets. */
  readonly ended: () => void;
}
