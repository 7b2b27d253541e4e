/** A gateway on a free loopback port with real TLS, its log kept, and tokens to go with it. */
import { randomBytes } from 'node:crypto';
import { issueAuthority, issueServer } from '../../src/certs/issue.js';
import { schema } from '../../src/config/schema.js';
import { type Gateway, startGateway } from '../../src/gateway/gateway.js';
import { createLog } from '../../src/gateway/log.js';
import { signedAuthenticator } from '../../src/policy/builtin.js';
import { createGuard, type Guard } from '../../src/policy/guard.js';
import { parseRule } from '../../src/policy/rules.js';
import { createSignedVerifier, mintToken } from '../../src/policy/token.js';

export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  /** The CA that signed its certificate, PEM. */
  readonly ca: string;
  /** Every line of its log, in JSON, parsed. */
  readonly log: Record<string, unknown>[];
  token(target: string, more?: { user?: string; expiresAt?: Date; audience?: string }): Promise<string>;
  stop(): Promise<void>;
}

const KEY = randomBytes(32);
const NAME = 'localhost';

let certificates: Promise<{ ca: string; cert: string; key: string }> | undefined;

async function issue(): Promise<{ ca: string; cert: string; key: string }> {
  const now = Date.now();
  const authority = await issueAuthority('test', 'ecdsa', now);
  const server = await issueServer(authority, [NAME, '127.0.0.1'], 'ecdsa', now);
  return { ca: authority.certificate, cert: server.certificate + authority.certificate, key: server.key };
}

export async function testGateway(settings: Record<string, unknown> = {}, guard?: Guard): Promise<TestGateway> {
  certificates ??= issue();
  const { ca, cert, key } = await certificates;
  const config = schema.parse({ listen: '127.0.0.1:0', ...settings });
  const log: Record<string, unknown>[] = [];
  const verifier = await createSignedVerifier({ localKey: KEY, publicKeys: [], jwks: undefined, audiences: [NAME] });
  const deadline = config.timeouts.decision * 1000;
  const gateway = await startGateway({
    config,
    tls: { cert, key },
    guard: guard ?? createGuard({ authenticator: signedAuthenticator(verifier), deadline, builtIn: true }),
    rules: config.targets.allow.map(parseRule),
    log: createLog({ level: 'debug', format: 'json', write: (line) => log.push(JSON.parse(line)) }),
  });
  return {
    gateway,
    port: gateway.address.port,
    ca,
    log,
    token: (target, { user = 'alice', expiresAt = new Date(Date.now() + 60_000), audience = NAME } = {}) =>
      mintToken(KEY, { user, targets: [target], audience, expiresAt, id: randomBytes(8).toString('base64url') }),
    stop: () => gateway.close(),
  };
}
