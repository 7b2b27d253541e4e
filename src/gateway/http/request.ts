import { HeadError } from '../../http/errors.js';
import { type BodyFraming, hasListElement, isToken, listElements } from '../../http/fields.js';
import type { HeadStart, RequestHead } from '../../http/head.js';
import { decodeQueryValue, queryParameters } from '../../http/query.js';
import { NAME_MAX } from '../report/log.js';

/** A gateway request, in header form (MS-TSGU 2.2.3.2) or query form (2.2.3.3). None of its values is authenticated. */
export interface RdgRequest {
  /** GET only with a WebSocket upgrade as browsers send it. */
  readonly method: RdgMethod;
  /** RDG-Connection-Id, a GUID in lower case without braces: pairs IN with OUT. */
  readonly connectionId: string;
  /** RDG-Correlation-Id in the same form; undefined where missing or not a GUID, since it only serves the log. */
  readonly correlationId: string | undefined;
  /** RDG-User-Id, decoded and made safe to print. For the log only: the client may send any value. */
  readonly userId: string | undefined;
  /** In upper case: `PAA`, `SSPI_NTLM`; else the scheme of Authorization, `NEGOTIATE`, `NTLM`, `BASIC`, … */
  readonly authScheme: string | undefined;
  /** RDG-Client-Generation, made safe to print. */
  readonly clientGeneration: string | undefined;
  /** RDG-Client-AppBuild, made safe to print. */
  readonly clientBuild: string | undefined;
  /** The client requests a WebSocket. Undefined for RDG_IN_DATA, whose Upgrade is ignored as RFC 9110 7.8 allows. */
  readonly upgrade: WebSocketUpgrade | undefined;
  readonly body: BodyFraming;
  /** The client waits for a 100 before it sends its body. */
  readonly expectContinue: boolean;
}

export type RdgMethod = 'RDG_OUT_DATA' | 'RDG_IN_DATA' | 'GET';

export interface WebSocketUpgrade {
  /** As sent: that of FreeRDP 2 has 15 characters and is not base64. */
  readonly key: string;
  /** Sec-WebSocket-Protocol in the client's order. */
  readonly protocols: readonly string[];
  readonly version: 13;
}

/** Longest text that is kept for the log, in UTF-16 code units: what a line shows of a name. */
export const MAX_LOG_TEXT = NAME_MAX;
/** Base64 of a little more UTF-16 than MAX_LOG_TEXT, in whole groups of four characters and of code units. */
const MAX_LOG_BASE64 = 688;

/** The values of a request by their header, with the parameter of the query form (MS-TSGU 2.2.3.3). */
const PARAMETERS = {
  'rdg-connection-id': 'conid',
  'rdg-correlation-id': 'corid',
  'rdg-user-id': 'usrid',
  'rdg-auth-scheme': 'auths',
  'rdg-client-generation': 'clgen',
  'rdg-client-appbuild': 'clbld',
} as const;
const PARAMETER_NAMES: ReadonlySet<string> = new Set(Object.values(PARAMETERS));

const METHODS: readonly string[] = ['RDG_OUT_DATA', 'RDG_IN_DATA', 'GET'] satisfies readonly RdgMethod[];
const GUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const BRACED_GUID = new RegExp(`^(?:\\{(${GUID})\\}|(${GUID}))$`, 'i');
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/**
 * Characters that could forge or hide a log line: control, format and unassigned ones, lone surrogates, line
 * separators.
 */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * `/remoteDesktopGateway` with or without a slash at its end, in any letter case as http.sys takes it (MS-TSGU 2.1.2).
 */
export function isGatewayPath(path: string): boolean {
  return /^\/remotedesktopgateway\/?$/i.test(path);
}

/** Whether a request comes from a client of the gateway, or would if a proxy had not changed its path. */
export function isForGateway({ method, path }: HeadStart): boolean {
  return /^R(?:DG|PC)_/.test(method) || /\/remotedesktopgateway\/?$/i.test(path);
}

/** The fields of the log that identify the connection, as far as the request gives them; contradictions are not checked. */
export function idsOf({
  headers,
  query,
}: HeadStart): Readonly<Record<'connection' | 'correlation', string | undefined>> {
  const parameters = queryParameters(query, PARAMETER_NAMES);
  const first = (header: keyof typeof PARAMETERS): string | undefined =>
    normalGuid(headers.get(header) ?? decodeQueryValue(parameters.get(PARAMETERS[header])?.[0] ?? ''));
  return { connection: first('rdg-connection-id'), correlation: first('rdg-correlation-id') };
}

/**
 * Interprets a request head. A value may be given in its header or in the query; if it is given more than once, all
 * values must be equal.
 * @throws HeadError 404 for another path, 405 for another method, 426 for HTTP/1.0 and for a WebSocket version other than
 * 13, else 400
 */
export function rdgRequest(head: RequestHead): RdgRequest {
  if (!isGatewayPath(head.path)) {
    throw new HeadError('REQUEST_PATH', 'the path is not that of the gateway', { status: 404 });
  }
  if (head.version === '1.0') {
    throw new HeadError('REQUEST_VERSION', 'the request is http/1.0', {
      status: 426,
      headers: { Connection: 'close, Upgrade', Upgrade: 'HTTP/1.1' },
    });
  }
  const method = rdgMethod(head.method);
  const values = new Values(head);
  const connectionId = normalGuid(values.single('rdg-connection-id', normalGuid));
  if (connectionId === undefined) {
    throw new HeadError('REQUEST_CONNECTION_ID', 'the rdg-connection-id is missing or not a guid');
  }
  const upgrade = method === 'RDG_IN_DATA' ? undefined : webSocketUpgrade(head.headers);
  if (upgrade !== undefined && head.body !== 'none') {
    // The bytes after the head would be ambiguous: body or frames.
    throw new HeadError('REQUEST_UPGRADE_BODY', 'a websocket upgrade has a body');
  }
  return {
    method,
    connectionId,
    correlationId: normalGuid(values.single('rdg-correlation-id', normalGuid)),
    userId: decodeUserId(values.single('rdg-user-id')),
    authScheme: authScheme(values.single('rdg-auth-scheme', upperCase), head.headers),
    clientGeneration: printable(values.single('rdg-client-generation')),
    clientBuild: printable(values.single('rdg-client-appbuild')),
    upgrade,
    body: head.body,
    expectContinue: head.expectContinue,
  };
}

function rdgMethod(method: string): RdgMethod {
  if (METHODS.includes(method)) return method as RdgMethod;
  throw new HeadError('REQUEST_METHOD', 'the method is not one of the gateway', {
    status: 405,
    headers: { Allow: METHODS.join(', ') },
  });
}

/** The values that header fields and query give. */
class Values {
  readonly #headers: RequestHead['headers'];
  readonly #parameters: ReturnType<typeof queryParameters>;

  constructor({ headers, query }: RequestHead) {
    this.#headers = headers;
    this.#parameters = queryParameters(query, PARAMETER_NAMES);
  }

  /** The only value for a name. @throws HeadError where values differ in their normal form or cannot be decoded */
  single(
    header: keyof typeof PARAMETERS,
    normal: (value: string) => string | undefined = (value) => value,
  ): string | undefined {
    let only = this.#headers.get(header);
    for (const encoded of this.#parameters.get(PARAMETERS[header]) ?? []) {
      const value = decodeQueryValue(encoded);
      if (value === undefined) {
        throw new HeadError('REQUEST_QUERY', 'a parameter of the query is not percent-encoded correctly');
      }
      if (only === undefined) only = value;
      else if (value !== only && normal(value) !== normal(only)) {
        throw new HeadError('REQUEST_CONFLICT', `${header} is given with different values`);
      }
    }
    return only;
  }
}

function normalGuid(text: string | undefined): string | undefined {
  const match = BRACED_GUID.exec(text ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

function upperCase(value: string): string {
  return value.toUpperCase();
}

function authScheme(explicit: string | undefined, headers: RequestHead['headers']): string | undefined {
  const scheme = explicit ?? headers.get('authorization')?.split(' ', 1)[0];
  if (scheme === undefined || scheme.length > MAX_LOG_TEXT || !isToken(scheme)) return undefined;
  return scheme.toUpperCase();
}

/** Base64 of UTF-16LE (MS-TSGU 2.2.3.2.3). A plus sign that was not escaped in a query has become a space. */
function decodeUserId(text: string | undefined): string | undefined {
  const base64 = text?.slice(0, MAX_LOG_BASE64).replaceAll(' ', '+');
  if (base64 === undefined || !BASE64.test(base64)) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length % 2 === 0 ? printable(bytes.toString('utf16le')) : undefined;
}

function printable(text: string | undefined): string | undefined {
  return text?.slice(0, MAX_LOG_TEXT).toWellFormed().replaceAll(UNPRINTABLE, '\uFFFD') || undefined;
}

/** Whether both fields of an upgrade to the WebSocket are there: a proxy may have removed one. */
export function wantsWebSocket(headers: HeadStart['headers']): boolean {
  return hasListElement(headers.get('upgrade'), 'websocket') && hasListElement(headers.get('connection'), 'upgrade');
}

/** The opening handshake of RFC 6455 4.2.1, with any method and without a check of the key's alphabet. */
function webSocketUpgrade(headers: HeadStart['headers']): WebSocketUpgrade | undefined {
  if (!wantsWebSocket(headers)) return undefined;
  if (headers.get('sec-websocket-version') !== '13') {
    throw new HeadError('REQUEST_WEBSOCKET_VERSION', 'the websocket version is not 13', {
      status: 426,
      headers: { Connection: 'close, Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
    });
  }
  const key = headers.get('sec-websocket-key') ?? '';
  if (key === '') throw new HeadError('REQUEST_WEBSOCKET_KEY', 'the sec-websocket-key is missing');
  const protocols = listElements(headers.get('sec-websocket-protocol'));
  if (!protocols?.every(isToken)) {
    throw new HeadError('REQUEST_WEBSOCKET_PROTOCOL', 'the sec-websocket-protocol is malformed');
  }
  return { key, protocols, version: 13 };
}
