/** The events and the sink of the HTTP station. */
import type { Endpoint, NoteEvent, Place, Sender } from '../types.js';
import type { WebSocketSink } from '../websocket/websocket.js';
import type { AuthSummary } from './auth.js';
import type { RequestHead, ResponseHead } from './head.js';
import type { RdgRequest } from './rdg.js';

export interface RequestEvent {
  /** Credentials, cookies and tokens are replaced by their length, except with `HttpOptions.secrets`. */
  readonly head: RequestHead;
  readonly rdg: RdgRequest;
  readonly place: Place;
}

export interface ResponseEvent {
  readonly head: ResponseHead;
  /** The request that it answers; undefined when the request was not captured. */
  readonly answers?: RequestEvent;
  readonly place: Place;
}

export interface AuthEvent {
  readonly from: Sender;
  /**
   * The header's name in lower case (`authorization`, `www-authenticate`, `rdg-auth-scheme`), or the name of the
   * packet.
   */
  readonly header: string;
  readonly summary: AuthSummary;
  readonly place: Place;
}

/** The connection carries PDUs from here on. */
export interface UpgradeEvent {
  readonly transport: 'websocket' | 'http';
  /** The OUT or the IN channel of the HTTP transport. Undefined for a WebSocket, and where no request was captured. */
  readonly channel?: 'out' | 'in';
  /** No captured head states the transport: it is inferred from the bytes. */
  readonly assumed: boolean;
  readonly place: Place;
}

export type EndCause = 'fin' | 'reset' | 'capture ended';

/** Every Buffer is a view that is valid until the sink returns. */
export interface HttpSink extends WebSocketSink {
  request(event: RequestEvent): void;
  response(event: ResponseEvent): void;
  auth(event: AuthEvent): void;
  upgrade(event: UpgradeEvent): void;
  /** A body that carried PDUs is complete, by its last chunk or its Content-Length. */
  bodyEnd(from: Sender, place: Place): void;
  /** This direction of the TCP connection ended. */
  end(from: Sender, how: EndCause, place: Place): void;
  note(note: NoteEvent): void;
}

export interface HttpOptions {
  /** Keeps credentials, tokens and NTLM responses in the events. Default: false. */
  readonly secrets?: boolean;
}

/** The subset of `Connection` that the HTTP station needs. */
export interface HttpConnection {
  readonly number: number;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly sawStart: boolean;
}
