import { PROGRAMS, type Program } from './programs.js';
import type { Edit } from './recipe.js';

/** How a client reaches the gateway: a WebSocket by RDG_OUT_DATA or by GET, or an OUT and an IN channel over HTTP. */
export const TRANSPORTS = ['WebSocket', 'WebSocket by GET', 'dual channel'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** How the gateway learns the address of a client. */
export type Addresses = 'proxy protocol' | 'field' | 'none';

export interface Recipe {
  /** The title of its rows in docs/proxies.md. */
  readonly title: string;
  readonly program: Program;
  /** The file in examples/proxies. */
  readonly file: string;
  /** The settings of the gateway in examples/proxies. */
  readonly settings: string;
  readonly addresses: Addresses;
  /** The lines without which a session would end while its user waits. */
  readonly limits: readonly IdleLimit[];
  /** Why some clients cannot work, for docs/proxies.md. */
  readonly impossible?: readonly Impossible[];
  /** Changes for the version of the program on this machine. */
  readonly edits?: readonly Edit[];
}

/** A line of a recipe that lifts a limit, and the session that the limit ends where it is short. */
export interface IdleLimit {
  /** It ends with the time, which is not a limit for a session: `1h`, or `0s` for none. */
  readonly line: string;
  readonly transport: Transport;
  /** Who sends nothing. If it is the client alone, the target sends all the time, as while a user watches. */
  readonly silent: 'client' | 'both' | 'nobody';
}

export interface Impossible {
  readonly transport: Transport;
  /** All clients, or those whose name begins so. */
  readonly client?: string;
  readonly reason: string;
}

const DUAL = 'dual channel';

/** Debian 12 has Caddy 2.6. */
const CADDY_TIMEOUTS = `		timeouts {
			# The IN channel is silent while the user is: the default of 60 s would end the session.
			read_body_idle 24h
		}
`;

/** The recipes for programs of Debian 12. */
export const RECIPES: readonly Recipe[] = [
  {
    title: 'nginx, TCP',
    program: PROGRAMS.nginx,
    file: 'nginx-stream.conf',
    settings: 'rdgw-tcp.yaml',
    addresses: 'none',
    limits: [{ line: 'proxy_timeout 1h', transport: DUAL, silent: 'client' }],
  },
  {
    title: 'nginx, TCP with PROXY protocol',
    program: PROGRAMS.nginx,
    file: 'nginx-stream-proxy-protocol.conf',
    settings: 'rdgw-proxy-protocol.yaml',
    addresses: 'proxy protocol',
    limits: [{ line: 'proxy_timeout 1h', transport: DUAL, silent: 'client' }],
  },
  {
    title: 'nginx, HTTP',
    program: PROGRAMS.nginx,
    file: 'nginx-http.conf',
    settings: 'rdgw-http.yaml',
    addresses: 'field',
    limits: [
      { line: 'client_body_timeout 1h', transport: DUAL, silent: 'client' },
      { line: 'proxy_read_timeout 1h', transport: 'WebSocket', silent: 'both' },
    ],
  },
  {
    title: 'nginx, HTTP to a unix socket',
    program: PROGRAMS.nginx,
    file: 'nginx-http-unix.conf',
    settings: 'rdgw-unix.yaml',
    addresses: 'field',
    limits: [
      { line: 'client_body_timeout 1h', transport: DUAL, silent: 'client' },
      { line: 'proxy_read_timeout 1h', transport: 'WebSocket', silent: 'both' },
    ],
  },
  {
    title: 'HAProxy, TCP with PROXY protocol',
    program: PROGRAMS.haproxy,
    file: 'haproxy-tcp.cfg',
    settings: 'rdgw-proxy-protocol.yaml',
    addresses: 'proxy protocol',
    limits: [
      { line: 'timeout client 1h', transport: DUAL, silent: 'client' },
      { line: 'timeout server 1h', transport: DUAL, silent: 'client' },
    ],
  },
  {
    title: 'HAProxy, TLS without HTTP',
    program: PROGRAMS.haproxy,
    file: 'haproxy-tls.cfg',
    settings: 'rdgw-proxy-protocol.yaml',
    addresses: 'proxy protocol',
    limits: [
      { line: 'timeout client 1h', transport: DUAL, silent: 'client' },
      { line: 'timeout server 1h', transport: DUAL, silent: 'client' },
    ],
  },
  {
    title: 'HAProxy, HTTP',
    program: PROGRAMS.haproxy,
    file: 'haproxy-http.cfg',
    settings: 'rdgw-http.yaml',
    addresses: 'field',
    limits: [
      { line: 'timeout server 1h', transport: DUAL, silent: 'client' },
      { line: 'timeout tunnel 1h', transport: 'WebSocket', silent: 'both' },
    ],
    impossible: [
      {
        transport: 'WebSocket',
        client: 'FreeRDP 2',
        reason: 'HAProxy refuses a Sec-WebSocket-Key that is not 24 characters long; that of FreeRDP 2 has 15',
      },
    ],
  },
  {
    title: 'Apache, HTTP',
    program: PROGRAMS.apache,
    file: 'apache.conf',
    settings: 'rdgw-http.yaml',
    addresses: 'field',
    limits: [],
    impossible: [
      {
        transport: DUAL,
        reason: 'Apache waits for the start of a request body before it sends the request, and the IN channel has none',
      },
    ],
  },
  {
    title: 'Caddy, HTTP',
    program: PROGRAMS.caddy,
    file: 'Caddyfile',
    settings: 'rdgw-http.yaml',
    addresses: 'field',
    limits: [],
    edits: [[CADDY_TIMEOUTS, '']],
  },
];

/** The recipes for other programs, see scripts/proxies.js. */
export const MORE_RECIPES: readonly Recipe[] = [
  {
    title: 'Caddy, HTTP',
    program: PROGRAMS.currentCaddy,
    file: 'Caddyfile',
    settings: 'rdgw-http.yaml',
    addresses: 'field',
    limits: [{ line: 'read_body_idle 24h', transport: DUAL, silent: 'client' }],
  },
  {
    title: 'Envoy, TCP with PROXY protocol',
    program: PROGRAMS.envoy,
    file: 'envoy-tcp.yaml',
    settings: 'rdgw-proxy-protocol.yaml',
    addresses: 'proxy protocol',
    limits: [{ line: 'idle_timeout: 3600s', transport: DUAL, silent: 'client' }],
  },
  {
    title: 'Envoy, HTTP',
    program: PROGRAMS.envoy,
    file: 'envoy.yaml',
    settings: 'rdgw-http.yaml',
    addresses: 'field',
    limits: [
      { line: ', timeout: 0s', transport: DUAL, silent: 'nobody' },
      { line: 'stream_idle_timeout: 0s', transport: DUAL, silent: 'client' },
    ],
    impossible: [
      {
        transport: DUAL,
        client: 'FreeRDP 3',
        reason: 'Envoy puts the OUT channel into chunks, and FreeRDP 3 waits for the last one',
      },
    ],
  },
  {
    title: 'Traefik, TCP with PROXY protocol',
    program: PROGRAMS.traefik,
    file: 'traefik-tcp.yaml',
    settings: 'rdgw-proxy-protocol.yaml',
    addresses: 'proxy protocol',
    limits: [],
  },
  {
    title: 'Traefik, HTTP',
    program: PROGRAMS.traefik,
    file: 'traefik-http.yaml',
    settings: 'rdgw-http.yaml',
    addresses: 'field',
    limits: [{ line: 'readTimeout: 0s', transport: DUAL, silent: 'nobody' }],
  },
];
