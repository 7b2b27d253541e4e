import { z } from 'zod';
import { parseRule } from '../policy/rules.js';
import { normalizeHost } from '../policy/target.js';
import { parseListen, parseLocalListen } from './listen.js';
import { count, fail, fromFault, path, paths, row, seconds, section, toggle } from './setting-kinds.js';

const ALLOW_MAX = 1000;
/** More cores than that are no gateway any more, and every worker has some 60 MB of its own. */
const WORKERS_MAX = 256;

/**
 * The one schema of the configuration. Types, defaults, names of environment variables, the effective settings and the table
 * in the README come from these rows.
 */
export const schema = z.strictObject({
  listen: z
    .union([z.string(), z.number()])
    .transform((value, context) => parseListen(String(value)) ?? fail(context, 'must be [HOST:]PORT, for example 8443'))
    .prefault('8443')
    .meta(
      row('Address and port of the gateway, `[HOST:]PORT`; without a host all interfaces. Port 443 often needs root.', {
        needsRestart: true,
      }),
    ),
  hostname: z
    .string()
    .transform((value, context) => fromFault(context, () => normalizeHost(value)))
    .optional()
    .meta(
      row('The name clients use for the gateway, and the audience of its tokens; else the names of the certificate.'),
    ),
  workers: z
    .union([z.string(), z.number()])
    .transform((value, context) => parseWorkers(String(value)) ?? fail(context, `must be auto or 1 to ${WORKERS_MAX}`))
    .prefault('1')
    .meta(
      row(
        'Processes that serve, `auto` for one per core. Of several, a crash takes only the sessions that went through its process.',
        { needsRestart: true },
      ),
    ),
  tls: section({
    cert: path(
      'Certificate of the gateway with its chain, PEM; else the one in the data folder, made at the first start.',
    ),
    key: path('Private key of `tls.cert`, PEM.'),
    ca: path('The CA that clients trust, PEM; only shown to people, the gateway does not need it.'),
  }),
  auth: section({
    paa: section({
      mode: z
        .enum(['signed', 'static', 'any'])
        .default('signed')
        .meta(
          row(
            'Which `gatewayaccesstoken` proves an identity: a signed token, one of a list, or any (development only).',
          ),
        ),
      keys: paths(
        'Public keys (PEM) of others who may sign tokens, besides the local key of `mkrdp`. Mode `signed` only.',
      ),
      jwks: path('A JWK set of others who may sign tokens. Mode `signed` only.'),
      tokensFile: path('The list of tokens, one a line: `TOKEN USER [HOST:PORT,…]`. Mode `static` only.'),
    }),
    module: z
      .union([
        z.string().transform((file) => ({ path: file, options: {} as Record<string, unknown> })),
        z.strictObject({ path: z.string().min(1), options: z.record(z.string(), z.unknown()).default({}) }),
      ])
      .optional()
      .meta(
        row('A custom authenticator: its path, or `{path, options}`. It takes the place of `auth.paa`.', {
          isPath: true,
        }),
      ),
  }),
  targets: section({
    allow: z
      .array(
        z.string().transform((text, context) => {
          fromFault(context, () => parseRule(text));
          return text;
        }),
      )
      .max(ALLOW_MAX)
      .default([])
      .meta(
        row('Rules `HOST`, `CIDR` or `GLOB`, then `:PORTS`, for identities whose token does not name its targets.'),
      ),
  }),
  transports: section({
    websocket: toggle('Serve the WebSocket transport, which current clients try first.'),
    http: toggle('Serve the dual-channel HTTP transport, the fallback of clients and the only one of older ones.'),
    outEncoding: z
      .enum(['identity', 'chunked'])
      .default('identity')
      .meta(
        row('How the body of the OUT channel is sent; `identity` like Windows, `chunked` for proxies that insist.'),
      ),
  }),
  limits: section({
    headBytes: count(
      65_536,
      4096,
      1_048_576,
      'A request head with a large Kerberos ticket fits; held per handshake.',
      'bytes',
    ),
    headFields: count(100, 10, 1000, 'Fields of a request head; real clients send about fifteen.'),
    connections: count(
      24_000,
      1,
      2_000_000,
      'Connections at one time; `tunnels` of two connections each and all strangers fit. Beyond it some get 503, the rest is cut.',
    ),
    connectionsPerAddress: count(
      4096,
      1,
      2_000_000,
      'The same from one address (IPv6: one /64): two thousand people behind one NAT; behind a proxy as many as `connections`.',
    ),
    handshakes: count(
      1024,
      1,
      100_000,
      'Connections without an identity at one time. Each holds at most `headBytes`, then one packet of 64 KiB.',
    ),
    handshakesPerAddress: count(
      512,
      1,
      100_000,
      'The same from one address (IPv6: one /64), so that nobody takes all places; behind a proxy as many as `handshakes`.',
    ),
    tunnels: count(
      10_000,
      1,
      1_000_000,
      'Tunnels at one time; beyond it new ones are refused, those that are up go on.',
    ),
    loopDelay: count(
      200,
      20,
      60_000,
      'Mean delay of the event loop; a hand feels 100 ms. Above it for 3 s new connections are turned away and sessions that are up go on.',
      'ms',
    ),
  }),
  timeouts: section({
    tls: seconds(10, 1, 120, 'TLS handshake; a few round trips, and a silent connection must not hold a place.', {
      needsRestart: true,
    }),
    head: seconds(10, 1, 120, 'The whole request head, however slowly it drips; clients send it in one piece.'),
    pairing: seconds(
      30,
      1,
      300,
      'The OUT channel waits for its IN channel; clients open it at once and give up after 30 s themselves.',
    ),
    identity: seconds(
      15,
      1,
      120,
      'From an open transport to the token; clients send it at once, and a stranger must not hold a place for long.',
    ),
    setup: seconds(
      180,
      5,
      3600,
      'From the first packet to the desktop; people answer consent texts and second factors in minutes.',
    ),
    dial: seconds(
      10,
      1,
      90,
      'Connecting to one address of a target, which may have several; all of them together get 25 s, since clients wait for 30.',
    ),
    decision: seconds(
      10,
      1,
      90,
      'One answer of an authenticator, or one look-up and decision about a target, for which clients wait 30 to 90 s.',
    ),
    keepAlive: seconds(
      30,
      5,
      900,
      'Between keep-alive packets on an open channel; NAT and proxies drop connections idle for 60 s.',
    ),
    stall: seconds(
      120,
      10,
      3600,
      'A client or target that takes less than about a megabyte of what waits for it in this time is cut; its buffers cost memory.',
    ),
    close: seconds(
      5,
      1,
      60,
      'A client may take this long to confirm the end of a channel before the gateway hangs up.',
    ),
    drain: seconds(
      30,
      0,
      86_400,
      'On SIGTERM or SIGINT open sessions may go on this long; service managers kill after 30 to 90 s.',
    ),
  }),
  metrics: section({
    listen: z
      .union([z.string(), z.number()])
      .transform(
        (value, context) => parseLocalListen(String(value)) ?? fail(context, 'must be [HOST:]PORT, for example 9464'),
      )
      .optional()
      .meta(
        row(
          'Serve `/metrics` for Prometheus here, `[HOST:]PORT`, over plain HTTP; without a host 127.0.0.1, `*` for all interfaces. It holds no names of users or targets.',
          { needsRestart: true },
        ),
      ),
  }),
  log: section({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .meta(row('`info` has one line per decision and one per ended session.')),
    format: z
      .enum(['text', 'json'])
      .default('text')
      .meta(row('`text` for people, `json` (one object a line) for collectors.')),
    keylog: path(
      'Append TLS secrets here (`SSLKEYLOGFILE` format) to decrypt captures; whoever reads it reads every session.',
      { needsRestart: true },
    ),
  }),
});

/** The effective settings, all defaults filled in, all paths absolute. */
export type Config = z.output<typeof schema>;

function parseWorkers(text: string): number | 'auto' | undefined {
  if (text === 'auto') return text;
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= WORKERS_MAX ? count : undefined;
}
