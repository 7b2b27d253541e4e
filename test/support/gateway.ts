/** Starts a gateway with real TLS on a free loopback port. Records its log and mints tokens for it. */

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { issueAuthority, issueServer } from '../../src/certs/issue.js';
import { type Config, schema } from '../../src/config/schema.js';
import type { EventLoop } from '../../src/gateway/admission/event-loop.js';
import type { SharedState } from '../../src/gateway/cluster/shared-state.js';
import { type Gateway, startGateway } from '../../src/gateway/gateway.js';
import type { LogEvent } from '../../src/gateway/report/events.js';
import { createLog } from '../../src/gateway/report/log.js';
import type { RuntimeSettings } from '../../src/gateway/settings/runtime-settings.js';
import { signedAuthenticator } from '../../src/policy/builtin.js';
import { createGuard, type Guard } from '../../src/policy/guard.js';
import { parseRule } from '../../src/policy/rules.js';
import { createSignedVerifier, mintToken } from '../../src/policy/token.js';
import { eventually, Signal } from './wait.js';

export interface TestGatewayOptions {
  /** Rules of `targets.allow`. */
  readonly allow?: readonly string[];
  /** The setting `listen`. Default: one TLS listener on 127.0.0.1. */
  readonly listen?: unknown;
  readonly trustedProxies?: readonly string[];
  readonly forwarded?: Config['forwarded'];
  readonly transports?: Partial<Config['transports']>;
  /** In seconds. Values below the minimum of the schema are allowed. */
  readonly timeouts?: Partial<Config['timeouts']>;
  /** Values below the minimum of the schema are allowed. */
  readonly limits?: Partial<Config['limits']>;
  readonly guard?: Guard;
  /**
   * Replaces the monitor of the event loop. The default never reports overload, because the test machine is often busy.
   */
  readonly loop?: EventLoop;
  /** The state shared with other gateways. Without it the gateway has its own. */
  readonly sharedState?: SharedState;
}

export type LogLine = Readonly<Record<string, unknown>>;

export interface TokenOptions {
  readonly user?: string;
  readonly expiresAt?: Date;
  readonly audience?: string;
}

export interface TestGateway {
  readonly gateway: Gateway;
  /** The settings of the start. */
  readonly settings: RuntimeSettings;
  /** The port of the first listener. */
  readonly port: number;
  /** The ports of all listeners; undefined for a Unix socket. */
  readonly ports: readonly (number | undefined)[];
  /** The CA of the gateway's certificate as PEM. */
  readonly ca: string;
  /** All log lines as parsed JSON. */
  readonly log: readonly LogLine[];
  /** A token that is signed with the gateway's own key. */
  token(target: string | readonly string[], more?: TokenOptions): Promise<string>;
  /** A token of another issuer whose public key the gateway trusts. Without a target the rules decide. */
  foreignToken(target: string | undefined): Promise<string>;
  /** The log lines so far with this event. */
  lines(event: LogEvent): LogLine[];
  /** Waits for the first log line with this event for which `wanted` returns true. */
  line(event: LogEvent, wanted?: (line: LogLine) => boolean): Promise<LogLine>;
  /** Discards the log lines so far. */
  clearLog(): void;
  /** Waits until no connection and no tunnel is open. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const IDLE: EventLoop = {
  overloaded: false,
  delay: () => ({ mean: 0, p50: 0, p99: 0, max: 0 }),
  adjust: () => undefined,
  stop: () => undefined,
};
const KEY = randomBytes(32);
const ISSUER = generateKeyPairSync('ed25519');
const NAME = 'localhost';

let certificates: Promise<{ ca: string; cert: string; key: string }> | undefined;

async function issue(): Promise<{ ca: string; cert: string; key: string }> {
  const now = Date.now();
  const authority = await issueAuthority('test', 'ecdsa', now);
  const server = await issueServer(authority, [NAME, '127.0.0.1'], 'ecdsa', now);
  return { ca: authority.certificate, cert: server.certificate + authority.certificate, key: server.key };
}

export async function testGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  certificates ??= issue();
  const { ca, cert, key } = await certificates;
  const { allow = [], transports = {}, timeouts = {}, limits = {}, listen = '127.0.0.1:0' } = options;
  const { trustedProxies = [], forwarded } = options;
  const parsed = schema.parse({ listen, trustedProxies, forwarded, targets: { allow }, transports });
  const config = {
    ...parsed,
    timeouts: { ...parsed.timeouts, ...timeouts },
    limits: { ...parsed.limits, ...limits },
  };
  const log: LogLine[] = [];
  const changed = new Signal();
  const verifier = createSignedVerifier({
    localKey: KEY,
    publicKeys: [{ label: 'portal.pem', pem: ISSUER.publicKey.export({ type: 'spki', format: 'pem' }).toString() }],
    audiences: [NAME],
  });
  const deadline = config.timeouts.decision * 1000;
  const settings = {
    config,
    tls: { cert, key },
    guard: options.guard ?? createGuard({ authenticator: signedAuthenticator(verifier), deadline, builtIn: true }),
    rules: allow.map(parseRule),
  };
  const gateway = await startGateway({
    ...settings,
    eventLoop: options.loop ?? IDLE,
    sharedState: options.sharedState,
    log: createLog({
      level: 'debug',
      format: 'json',
      write: (line) => {
        log.push(JSON.parse(line));
        changed.notify();
      },
    }),
  });
  const lines = (event: LogEvent): LogLine[] => log.filter((line) => line.event === event);
  return {
    gateway,
    settings,
    port: gateway.addresses[0]?.port ?? 0,
    ports: gateway.addresses.map((address) => address?.port),
    ca,
    log,
    token: (target, { user = 'alice', expiresAt = inOneMinute(), audience = NAME } = {}) =>
      mintToken(KEY, { user, targets: [target].flat(), audience, expiresAt, id: randomBytes(8).toString('base64url') }),
    foreignToken: (target) =>
      new SignJWT({ sub: 'bob', aud: NAME, ...(target === undefined ? {} : { tgt: target }) })
        .setProtectedHeader({ alg: 'EdDSA' })
        .setExpirationTime(inOneMinute())
        .sign(ISSUER.privateKey),
    lines,
    async line(event, wanted = () => true) {
      const find = (): LogLine | undefined => lines(event).find(wanted);
      await changed.until(() => find() !== undefined);
      return find() as LogLine;
    },
    clearLog() {
      log.length = 0;
    },
    async idle() {
      await eventually(() => gateway.connections === 0 && gateway.tunnels === 0);
    },
    stop: () => gateway.close(),
  };
}

function inOneMinute(): Date {
  return new Date(Date.now() + 60_000);
}
