/** A gateway on a free loopback port with real TLS, its log kept, and tokens to go with it. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { issueAuthority, issueServer } from '../../src/certs/issue.js';
import { type Config, schema } from '../../src/config/schema.js';
import type { EventLoop } from '../../src/gateway/admission/event-loop.js';
import type { SharedState } from '../../src/gateway/cluster/shared-state.js';
import { type Gateway, startGateway } from '../../src/gateway/gateway.js';
import { createLog } from '../../src/gateway/report/log.js';
import { signedAuthenticator } from '../../src/policy/builtin.js';
import { createGuard, type Guard } from '../../src/policy/guard.js';
import { parseRule } from '../../src/policy/rules.js';
import { createSignedVerifier, mintToken } from '../../src/policy/token.js';
import { eventually, Signal } from './wait.js';

export interface TestGatewayOptions {
  /** Rules of `targets.allow`. */
  readonly allow?: readonly string[];
  readonly transports?: Partial<Config['transports']>;
  /** In seconds; may lie below what the schema allows. */
  readonly timeouts?: Partial<Config['timeouts']>;
  /** May lie below what the schema allows. */
  readonly limits?: Partial<Config['limits']>;
  readonly guard?: Guard;
  /** Instead of a watch on the event loop: a machine that runs tests is often busy. */
  readonly loop?: EventLoop;
  /** What it shares with other gateways; it is alone without. */
  readonly commons?: SharedState;
}

export type LogLine = Readonly<Record<string, unknown>>;

export interface TokenOptions {
  readonly user?: string;
  readonly expiresAt?: Date;
  readonly audience?: string;
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  /** The CA that signed its certificate, PEM. */
  readonly ca: string;
  /** Every line of its log, in JSON, parsed. */
  readonly log: readonly LogLine[];
  /** Signed with the gateway's own key. */
  token(target: string | readonly string[], more?: TokenOptions): Promise<string>;
  /** Signed by another issuer whose public key the gateway was given; without a target the rules decide. */
  foreignToken(target: string | undefined): Promise<string>;
  /** Lines with this message, so far. */
  lines(event: string): LogLine[];
  /** The first line with this message that `wanted` takes; waits for it. */
  line(event: string, wanted?: (line: LogLine) => boolean): Promise<LogLine>;
  /** Forgets the lines so far. */
  forget(): void;
  /** Until no connection and no tunnel is left. */
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
  const { allow = [], transports = {}, timeouts = {}, limits = {} } = options;
  const parsed = schema.parse({ listen: '127.0.0.1:0', targets: { allow }, transports });
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
  const gateway = await startGateway({
    config,
    tls: { cert, key },
    guard: options.guard ?? createGuard({ authenticator: signedAuthenticator(verifier), deadline, builtIn: true }),
    rules: allow.map(parseRule),
    eventLoop: options.loop ?? IDLE,
    sharedState: options.commons,
    log: createLog({
      level: 'debug',
      format: 'json',
      write: (line) => {
        log.push(JSON.parse(line));
        changed.notify();
      },
    }),
  });
  const lines = (event: string): LogLine[] => log.filter(({ msg }) => msg === event);
  return {
    gateway,
    port: gateway.address.port,
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
    forget() {
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
