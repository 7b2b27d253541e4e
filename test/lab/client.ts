import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { startChild } from './child.js';
import { type Display, startDisplay } from './display.js';
import { folderPrefix, type Lab } from './lab.js';
import { HEIGHT, WIDTH } from './picture.js';

/** FreeRDP of Debian 12, and of Debian 13 in the chroot. */
export const CLIENT_VERSIONS = ['2.11.7', '3.15'] as const;
export type ClientVersion = (typeof CLIENT_VERSIONS)[number];

/** The transport to the gateway: one WebSocket, or an OUT and an IN channel over HTTP. */
export const TRANSPORTS = ['websocket', 'http'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface ClientOptions {
  readonly version: ClientVersion;
  /** Without a port, the user types the host alone. */
  readonly to: { readonly host: string; readonly port?: number } | { readonly rdpFile: string };
  readonly user: string;
  readonly password: string;
  /** Omitted with an .rdp file, which contains it. */
  readonly gateway?: { readonly host: string; readonly port: number; readonly token?: string };
  /** Also valid with an .rdp file. By default the client tries the WebSocket first. */
  readonly transport?: Transport;
  /** PEM files of all CAs that the client trusts, those of target and gateway included. */
  readonly trust: readonly string[];
  /** Additional arguments in the syntax of this version. */
  readonly extra?: readonly string[];
}

/** Exit codes of both versions of xfreerdp, as observed. The log has the name of the error. */
export const CLIENT_EXIT = {
  /** HANDSHAKE_, TUNNEL_, TUNNEL_AUTH_ or CHANNEL_RESPONSE with an error code: `E_PROXY_…` in the log. */
  refusedByGateway: 131,
  /** HTTP status other than 101, 200, 401: `ERRCONNECT_SECURITY_NEGO_CONNECT_FAILED`, in 3.15 also the status. */
  httpRefused: 133,
  /** `ERRCONNECT_TLS_CONNECT_FAILED` after "certificate not trusted, aborting". */
  tlsRefused: 143,
  /** The port is closed or the connection ended, also on a second try: `ERRCONNECT_CONNECT_TRANSPORT_FAILED`. */
  connectionLost: 147,
  /** HTTP 401: `ERRCONNECT_ACCESS_DENIED`. */
  httpUnauthorized: 155,
} as const;

export interface RunningClient {
  /** Unique in the lab; used in file names. */
  readonly name: string;
  /** The client's own display, black until the client shows something. */
  readonly display: Display;
  log(): string;
  /** Names of the errors in its log, such as `E_PROXY_RAP_ACCESSDENIED`. HTTP errors appear only as `ERRCONNECT_…`. */
  errors(): string[];
  /** `undefined` while it runs. */
  exitCode(): number | undefined;
  /** Waits until the client ends by itself, and resolves with its exit code. */
  waitForExit(limitMs?: number): Promise<number>;
  /** Ends the client and its display. The log remains available. */
  stop(): Promise<void>;
}

/** A client reports a refusal within about a second. A target that does not answer takes longest. */
const END_LIMIT_MS = 20_000;

let count = 0;

/**
 * Starts a client on its own display with an empty home folder, so that it has no settings and no trusted certificates.
 */
export async function startClient(lab: Lab, options: ClientOptions): Promise<RunningClient> {
  count += 1;
  const name = `client-${count}-${options.version}`;
  const display = await startDisplay(lab);
  const home = makeHome(lab, options);
  const env = {
    DISPLAY: display.name,
    HOME: home.inside,
    SSL_CERT_FILE: `${home.inside}/ca.pem`,
    SSL_CERT_DIR: home.inside,
  };
  const program = options.version === '3.15' ? ['chroot', lab.chroot, 'xfreerdp3'] : ['xfreerdp'];
  const [first = '', ...rest] = [...program, ...clientArguments(options, home.inside)];
  const child = await startChild(lab, first, rest, { env, cwd: home.outside });
  return {
    name,
    display,
    log: child.output,
    errors: () => [...child.output().matchAll(/\b((?:E_PROXY|ERRCONNECT)_\w+) \[0x/g)].map((match) => match[1] ?? ''),
    exitCode: child.exitCode,
    waitForExit: (limitMs = END_LIMIT_MS) => child.waitForExit(limitMs),
    stop: async () => {
      await child.stop();
      await display.stop();
      rmSync(home.outside, { recursive: true, force: true });
    },
  };
}

/** With /cert:deny the client rejects untrusted certificates of gateway and target without a prompt. */
function clientArguments(options: ClientOptions, home: string): string[] {
  const { to, gateway, transport } = options;
  return [
    'rdpFile' in to ? `${home}/${basename(to.rdpFile)}` : `/v:${to.host}${to.port === undefined ? '' : `:${to.port}`}`,
    '/cert:deny',
    '/sec:tls',
    `/u:${options.user}`,
    `/p:${options.password}`,
    `/size:${WIDTH}x${HEIGHT}`,
    '-clipboard',
    ...(options.version === '3.15' ? gateway3(gateway, transport) : gateway2(gateway, transport)),
    ...(options.extra ?? []),
  ];
}

function gateway2(gateway: ClientOptions['gateway'], transport: Transport | undefined): string[] {
  return [
    ...(gateway === undefined ? [] : [`/g:${gateway.host}:${gateway.port}`]),
    ...(gateway?.token === undefined ? [] : [`/gat:${gateway.token}`]),
    ...(transport === undefined ? [] : [`/gt:${TYPES[transport]}`]),
  ];
}

function gateway3(gateway: ClientOptions['gateway'], transport: Transport | undefined): string[] {
  const parts = [
    ...(gateway === undefined ? [] : [`g:${gateway.host}:${gateway.port}`]),
    ...(gateway?.token === undefined ? [] : [`access-token:${gateway.token}`]),
    ...(transport === undefined ? [] : [`type:${TYPES[transport]}`]),
  ];
  return parts.length === 0 ? [] : [`/gateway:${parts.join(',')}`];
}

const TYPES: Readonly<Record<Transport, string>> = { websocket: 'http', http: 'http,no-websockets' };

/** A folder with the trusted CAs and the .rdp file: its path outside and inside of the chroot. */
function makeHome(lab: Lab, options: ClientOptions): { readonly outside: string; readonly inside: string } {
  const root = options.version === '3.15' ? lab.chroot : '';
  const outside = mkdtempSync(join(root, '/tmp', folderPrefix()));
  lab.onClose(() => rmSync(outside, { recursive: true, force: true }));
  for (const file of options.trust) appendFileSync(join(outside, 'ca.pem'), readFileSync(file));
  if ('rdpFile' in options.to) copyFileSync(options.to.rdpFile, join(outside, basename(options.to.rdpFile)));
  return { outside, inside: outside.slice(root.length) };
}
