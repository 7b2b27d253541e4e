import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { startChild } from './child.js';
import { type Display, startDisplay } from './display.js';
import { folderPrefix, type Lab } from './lab.js';
import { HEIGHT, WIDTH } from './picture.js';

/** FreeRDP of Debian 12, and of Debian 13 in its chroot. */
export const CLIENT_VERSIONS = ['2.11.7', '3.15'] as const;
export type ClientVersion = (typeof CLIENT_VERSIONS)[number];

/** How the client speaks to the gateway: one WebSocket, or the two channels of plain HTTP. */
export const TRANSPORTS = ['websocket', 'http'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface ClientOptions {
  readonly version: ClientVersion;
  readonly to: { readonly host: string; readonly port: number } | { readonly rdpFile: string };
  readonly user: string;
  readonly password: string;
  /** For an .rdp file: leave it out, the file names it. */
  readonly gateway?: { readonly host: string; readonly port: number; readonly token?: string };
  /** For an .rdp file, too; the client's own choice, when left out, is WebSocket first. */
  readonly transport?: Transport;
  /** PEM files of every authority that the client trusts, the target's and the gateway's: there is no other. */
  readonly trust: readonly string[];
  /** More arguments, as this version wants them. */
  readonly extra?: readonly string[];
}

/** What both versions of xfreerdp exit with, as seen; the log has the name of the error. */
export const CLIENT_EXIT = {
  /** HANDSHAKE_, TUNNEL_, TUNNEL_AUTH_ or CHANNEL_RESPONSE with an error code: `E_PROXY_…` in the log. */
  refusedByGateway: 131,
  /** An HTTP status that is neither 101, 200 nor 401: `ERRCONNECT_SECURITY_NEGO_CONNECT_FAILED`, in 3.15 also the status. */
  httpRefused: 133,
  /** `ERRCONNECT_TLS_CONNECT_FAILED` after "certificate not trusted, aborting". */
  tlsRefused: 143,
  /** Nobody listens, or the connection ended, and again on a second try: `ERRCONNECT_CONNECT_TRANSPORT_FAILED`. */
  connectionLost: 147,
  /** HTTP 401: `ERRCONNECT_ACCESS_DENIED`. */
  httpUnauthorized: 155,
} as const;

export interface RunningClient {
  /** For the names of files, unique in the lab. */
  readonly name: string;
  /** Its own, black until the client shows something. */
  readonly display: Display;
  log(): string;
  /** Names of the errors in its log in their order, `E_PROXY_RAP_ACCESSDENIED`; of HTTP refusals only `ERRCONNECT_…`. */
  errors(): string[];
  /** `undefined` while it runs; a session goes on until somebody ends it. */
  exitCode(): number | undefined;
  /** The exit code of a client that ends by itself. */
  ended(limitMs?: number): Promise<number>;
  /** Ends the client and its display; the log stays. */
  stop(): Promise<void>;
}

/** Refusals are shown within about a second; a target that does not answer takes longest. */
const END_LIMIT_MS = 20_000;

let count = 0;

/** Starts a client on a display of its own, with an empty home: nothing it trusted before, no file of settings. */
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
    ended: (limitMs = END_LIMIT_MS) => child.ended(limitMs),
    stop: async () => {
      await child.stop();
      await display.stop();
      rmSync(home.outside, { recursive: true, force: true });
    },
  };
}

/** /cert:deny refuses every certificate that is not vouched for, the gateway's and the target's, without asking anybody. */
function clientArguments(options: ClientOptions, home: string): string[] {
  const { to, gateway, transport } = options;
  return [
    'rdpFile' in to ? `${home}/${basename(to.rdpFile)}` : `/v:${to.host}:${to.port}`,
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

/** A folder with the authorities and the .rdp file, and its name as the client sees it. */
function makeHome(lab: Lab, options: ClientOptions): { readonly outside: string; readonly inside: string } {
  const root = options.version === '3.15' ? lab.chroot : '';
  const outside = mkdtempSync(join(root, '/tmp', folderPrefix()));
  lab.onClose(() => rmSync(outside, { recursive: true, force: true }));
  for (const file of options.trust) appendFileSync(join(outside, 'ca.pem'), readFileSync(file));
  if ('rdpFile' in options.to) copyFileSync(options.to.rdpFile, join(outside, basename(options.to.rdpFile)));
  return { outside, inside: outside.slice(root.length) };
}
