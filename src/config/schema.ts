import { z } from 'zod';
import { Fault } from '../fault.js';
import { parseRule } from '../policy/rules.js';
import { normalizeHost } from '../policy/target.js';

/** What a row of the schema tells besides its shape; `settings.ts` turns it into tables. */
export interface SettingMeta {
  /** `s`, `bytes`, or nothing for a plain count or text. */
  readonly unit?: string;
  /** What it is for and why the default is what it is. One sentence, Markdown. */
  readonly reason: string;
  /** The value names a file: relative to the configuration file, or to the working directory elsewhere. */
  readonly isPath?: boolean;
}

const ALLOW_MAX = 1000;
const KEYS_MAX = 32;
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
      row('Address and port of the gateway, `[HOST:]PORT`; without a host all interfaces. Port 443 often needs root.'),
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
        'Processes that serve, `auto` for one per core. Of several, a crash takes only the sessions of its own process.',
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
    messageBytes: count(
      262_144,
      65_545,
      16_777_216,
      'One WebSocket message from a client; the largest packet of the protocol has 65,545 bytes.',
      'bytes',
    ),
  }),
  timeouts: section({
    tls: seconds(10, 1, 120, 'TLS handshake; a few round trips, and a silent connection must not hold a place.'),
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
      'Connecting to one address of a target; clients wait 30 to 90 s, and a target may have several addresses.',
    ),
    decision: seconds(
      10,
      1,
      90,
      'One answer of an authenticator, or one look-up and decision about a target; clients wait 30 to 90 s.',
    ),
    keepAlive: seconds(
      30,
      5,
      900,
      'Between keep-alive packets on an open channel; NAT and proxies drop connections idle for 60 s.',
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
    ),
  }),
});

/** The effective settings, all defaults filled in, all paths absolute. */
export type Config = z.output<typeof schema>;

/** `[HOST:]PORT`, an IPv6 host in brackets. Port 0 lets the system choose. */
export function parseListen(text: string): { readonly host?: string; readonly port: number } | undefined {
  const [, host, digits = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) return undefined;
  if (host === undefined || host === '' || host === '*') return { port };
  const bare = /^\[(.*:.*)\]$/.exec(host)?.[1] ?? host;
  if (bare === host && host.includes(':')) return undefined;
  try {
    return { host: normalizeHost(bare), port };
  } catch {
    return undefined;
  }
}

function parseWorkers(text: string): number | 'auto' | undefined {
  if (text === 'auto') return text;
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= WORKERS_MAX ? count : undefined;
}

function row(reason: string, more: Omit<SettingMeta, 'reason'> = {}): SettingMeta & Record<string, unknown> {
  return { reason, ...more };
}

function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as never);
}

function path(reason: string) {
  return z
    .string()
    .min(1)
    .optional()
    .meta(row(reason, { isPath: true }));
}

function paths(reason: string) {
  return z
    .array(z.string().min(1))
    .max(KEYS_MAX)
    .default([])
    .meta(row(reason, { isPath: true }));
}

function toggle(reason: string) {
  return z.boolean().default(true).meta(row(reason));
}

function count(standard: number, min: number, max: number, reason: string, unit?: string) {
  return z
    .int()
    .min(min)
    .max(max)
    .default(standard)
    .meta(row(reason, unit === undefined ? {} : { unit }));
}

function seconds(standard: number, min: number, max: number, reason: string) {
  return z
    .number()
    .min(min)
    .max(max)
    .default(standard)
    .meta(row(reason, { unit: 's' }));
}

function fail(context: z.core.$RefinementCtx, message: string): never {
  context.issues.push({ code: 'custom', message, input: context.value });
  return z.NEVER;
}

function fromFault<T>(context: z.core.$RefinementCtx, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return fail(context, cause.hint === undefined ? cause.message : `${cause.message}; ${cause.hint}`);
  }
}
