import { z } from 'zod';
import { canonicalAddress, parseNetwork } from '../policy/address.js';
import { parseRule } from '../policy/rules.js';
import { limits, timeouts } from './limits-schema.js';
import { parseHostname, parseLocalListen } from './listen.js';
import { listenSchema } from './listen-schema.js';
import { fail, fromFault, path, paths, row, section, toggle } from './setting-kinds.js';

const ALLOW_MAX = 1000;
/** A content delivery network publishes some hundred blocks. */
const PROXIES_MAX = 1000;
/** Each worker uses about 60 MB. Machines with more cores are not expected. */
const WORKERS_MAX = 256;

/**
 * The schema of the configuration. Types, defaults, names of environment variables, the effective settings and the
 * configuration reference are derived from it.
 */
export const schema = z.strictObject({
  listen: listenSchema
    .prefault('8443')
    .meta(
      row(
        'Where to listen: one or a list of `[HOST:]PORT`, `unix:PATH`, or `{address, tls, proxyProtocol, mode, group}`. Without a host, all interfaces. Port 443 often requires root.',
        { needsRestart: true },
      ),
    ),
  trustedProxies: z
    .array(
      z.string().transform((text, context) => {
        const canonical = canonicalAddress(text);
        return canonical ?? (parseNetwork(text) ? text : fail(context, 'must be an address or a CIDR block'));
      }),
    )
    .max(PROXIES_MAX)
    .default([])
    .meta(
      row(
        'Addresses and CIDR blocks of proxies. Only they may send PROXY headers, name the client in a header field, or speak plain HTTP. A Unix socket is always trusted.',
      ),
    ),
  forwarded: z
    .enum(['none', 'x-forwarded-for', 'forwarded'])
    .default('none')
    .meta(
      row(
        'The header field in which trusted proxies name the client. They must overwrite it: a proxy passes on what it does not set itself.',
      ),
    ),
  hostname: z
    .string()
    .transform((value, context) => fromFault(context, () => parseHostname(value)))
    .optional()
    .meta(
      row(
        'The name that clients use for the gateway, `NAME[:PORT]`, and the audience of its tokens. Default: the names of the certificate, and the port of `listen`.',
      ),
    ),
  workers: z
    .union([z.string(), z.number()])
    .transform((value, context) => parseWorkers(String(value)) ?? fail(context, `must be auto or 1 to ${WORKERS_MAX}`))
    .prefault('1')
    .meta(
      row(
        'Number of worker processes, `auto` for one per core. With several, a crash of one ends only the sessions that pass through it.',
        { needsRestart: true },
      ),
    ),
  tls: section({
    cert: path(
      'Certificate of the gateway with its chain, PEM. Default: the one in the data folder, generated at the first start.',
    ),
    key: path('Private key of `tls.cert`, PEM.'),
    profile: z
      .enum(['intermediate', 'old'])
      .default('intermediate')
      .meta(
        row(
          "Cipher suites by Mozilla's guidelines 5.7. `old` adds CBC suites and RSA key exchange, for clients without AES-GCM such as Windows 7 without updates. TLS 1.2 is the minimum of both.",
        ),
      ),
    ca: path('The CA that clients trust, PEM. It is only shown to users; the gateway does not need it.'),
  }),
  auth: section({
    paa: section({
      mode: z
        .enum(['signed', 'static', 'any'])
        .default('signed')
        .meta(
          row(
            'Which `gatewayaccesstoken` is accepted: a signed token, a token of a list, or any token (development only).',
          ),
        ),
      keys: paths(
        'Public keys (PEM) of other token issuers, in addition to the local key of `mkrdp`. Mode `signed` only.',
      ),
      jwks: path('A JWK set with public keys of other token issuers. Mode `signed` only.'),
      tokensFile: path('The token list, one token per line: `TOKEN USER [HOST:PORT,…]`. Mode `static` only.'),
    }),
    whenRevoked: z
      .enum(['keep', 'end'])
      .default('keep')
      .meta(
        row(
          'What a reload does to open channels whose right is gone (token key, line of the token list, mode, rule, or the answer of `auth.module`): `keep` them, so that a mistake in the configuration cuts off nobody, or `end` their sessions. The next channel is refused either way.',
        ),
      ),
    module: z
      .union([
        z.string().transform((file) => ({ path: file, options: {} as Record<string, unknown> })),
        z.strictObject({ path: z.string().min(1), options: z.record(z.string(), z.unknown()).default({}) }),
      ])
      .optional()
      .meta(
        row('A custom authenticator: the path of its module, or `{path, options}`. It replaces `auth.paa`.', {
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
        row(
          'Allow rules for identities whose token has no targets: `HOST`, `CIDR` or `GLOB`, optionally followed by `:PORTS`.',
        ),
      ),
  }),
  transports: section({
    websocket: toggle('Serve the WebSocket transport, which current clients try first.'),
    http: toggle(
      'Serve the dual-channel HTTP transport, the fallback of current clients and the only transport of older ones.',
    ),
    outEncoding: z
      .enum(['identity', 'chunked'])
      .default('identity')
      .meta(
        row(
          'Transfer encoding of the OUT channel: `identity` like Windows, `chunked` for proxies that require it. FreeRDP 3 cannot read chunks reliably.',
        ),
      ),
    pairBy: z
      .enum(['address', 'id'])
      .default('address')
      .meta(
        row(
          'What an OUT and an IN channel must have in common: connection id and client address, or `id` alone where a trusted proxy or NAT sends one client from several addresses.',
        ),
      ),
  }),
  limits,
  timeouts,
  metrics: section({
    listen: z
      .union([z.string(), z.number()])
      .transform(
        (value, context) => parseLocalListen(String(value)) ?? fail(context, 'must be [HOST:]PORT, for example 9464'),
      )
      .optional()
      .meta(
        row(
          'Serve `/metrics` for Prometheus over plain HTTP on `[HOST:]PORT`. Without a host 127.0.0.1, with `*` all interfaces. Metrics contain no names of users or targets.',
          { needsRestart: true },
        ),
      ),
  }),
  log: section({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .meta(row('Minimum level of log messages. `info` has one line per decision and one per ended session.')),
    format: z
      .enum(['text', 'json'])
      .default('text')
      .meta(row('`text` for people, `json` (one object per line) for log collectors.')),
    keylog: path(
      'Append TLS secrets to this file (`SSLKEYLOGFILE` format) to decrypt captures. Anyone with the file can decrypt every session.',
      { needsRestart: true },
    ),
  }),
});

/** The effective settings, with all defaults and absolute paths. */
export type Config = z.output<typeof schema>;

function parseWorkers(text: string): number | 'auto' | undefined {
  if (text === 'auto') return text;
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= WORKERS_MAX ? count : undefined;
}
