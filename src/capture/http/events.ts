/** What the HTTP station says. */
import type { Endpoint, NoteEvent, Place, Sender } from '../types.js';
import type { WebSocketSink } from '../websocket/websocket.js';
import type { AuthSummary } from './auth.js';
import type { RequestHead, ResponseHead } from './head.js';
import type { RdgRequest } from './rdg.js';

export interface RequestEvent {
  /** Credentials, cookies and tokens are replaced by their length unless secrets were asked for. */
  readonly head: RequestHead;
  readonly rdg: RdgRequest;
  readonly place: Place;
}

export interface ResponseEvent {
  readonly head: ResponseHead;
  /** The request it answers; undefined when the capture does not hold it. */
  readonly answers?: RequestEvent;
  readonly place: Place;
}

export interface AuthEvent {
  readonly from: Sender;
  /** The header it stands in, lower case: `authorization`, `www-authenticate`, `rdg-auth-scheme`; or the name of the packet. */
  readonly header: string;
  readonly summary: AuthSummary;
  readonly place: Place;
}

/** From here on this connection carries PDUs. */
export interface UpgradeEvent {
  readonly transport: 'websocket' | 'http';
  /** Of the dual channel: which half. Undefined when nobody said so. */
  readonly leg?: 'out' | 'in';
  /** Nothing in the capture says so: it is concluded from the bytes. */
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
  /** A body that carried PDUs is complete: its last chunk came, or all of its length. */
  bodyEnd(from: Sender, place: Place): void;
  /** This direction of the TCP connection ended. */
  end(from: Sender, how: EndCause, place: Place): void;
  note(note: NoteEvent): void;
}

export interface HttpOptions {
  /** Shows credentials, tokens and NTLM responses as they are. */
  readonly secrets?: boolean;
}

/** What the station has to know about its connection; a `Connection` is one. */
export interface HttpConnection {
  readonly number: number;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly sawStart: boolean;
}
