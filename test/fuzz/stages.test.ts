/** Checks that the stages process the fuzzer's seeds, and runs the inputs of earlier findings. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CostOracle } from './cost.js';
import { mutate, randomFrom } from './mutate.js';
import { bodies } from './serve/bodies.js';
import { forwarded } from './serve/forwarded.js';
import { frames } from './serve/frames.js';
import { heads } from './serve/heads.js';
import { pdus } from './serve/pdus.js';
import { proxy } from './serve/proxy.js';
import { session } from './serve/session.js';
import { tokens } from './serve/tokens.js';
import { STAGES } from './stages.js';
import { decodeSteps, encodeSteps, type Step } from './steps.js';

const FOUND = 'test/vectors/found';
const found = existsSync(FOUND) ? readdirSync(FOUND).filter((name) => name.endsWith('.bin')) : [];

/**
 * Kinds of events that the seeds of each stage must cause. A stage that rejects all input would never have findings.
 */
const EXPECTED_KINDS: Readonly<Record<string, readonly string[]>> = {
  file: ['connection', 'auth', 'PKT_TYPE_DATA', 'PKT_TYPE_EXTENDED_AUTH_MSG'],
  packets: ['connection', 'auth', 'PKT_TYPE_DATA', 'PKT_TYPE_EXTENDED_AUTH_MSG'],
  tls: ['client', 'server', 'TLS 1.3 found'],
  http: [
    'upgrade websocket undefined',
    'upgrade http out',
    'upgrade http in',
    'client-to-server',
    'server-to-client',
    'status 4',
  ],
  tunnel: ['PKT_TYPE_DATA', 'PKT_TYPE_REAUTH_MESSAGE', 'inner x224-request'],
  text: ['hex true undefined', 'base64 true undefined', 'explained true', 'NTLM negotiate'],
  heads: [
    'head',
    'REQUEST_PATH',
    'RDG_IN_DATA chunked',
    'RDG_IN_DATA length',
    'RDG_OUT_DATA none upgrade',
    'RDG_OUT_DATA none userId',
  ],
  frames: ['open', 'closed', 'bytes', 'ping'],
  bodies: ['chunked open', 'chunked done', 'chunked BODY_TRAILER', 'counted done rest'],
  pdus: ['payload', 'PKT_TYPE_HANDSHAKE_REQUEST', 'PKT_TYPE_CHANNEL_CREATE', 'PDU_SHORT'],
  session: [
    'deliver',
    'disconnect',
    'end refused',
    'end session time over',
    'end target closed',
    'send PKT_TYPE_KEEPALIVE',
    'send PKT_TYPE_CLOSE_CHANNEL_RESPONSE',
  ],
  proxy: ['client', 'proxy', 'open', 'PROXY_MISSING'],
  forwarded: ['x-forwarded-for client', 'x-forwarded-for none', 'forwarded client', 'forwarded none'],
  tokens: ['allowed', 'the payload of the token is not a JSON object', 'the token expired … min ago'],
};

describe.each([...STAGES, heads, frames, bodies, pdus, session, proxy, forwarded, tokens])('$name', (stage) => {
  it('processes its seeds', async () => {
    const kinds = new Set<string>();
    for (const seed of await stage.seeds()) for (const kind of await stage.run(seed)) kinds.add(kind);
    expect([...kinds]).toEqual(expect.arrayContaining(EXPECTED_KINDS[stage.name] as string[]));
  });

  it.each(found.filter((name) => name.startsWith(`${stage.name}-`)))('has no finding for %s', async (name) => {
    const input = readFileSync(`${FOUND}/${name}`);
    await stage.run(input);
    if (stage.parser) await new CostOracle(stage.parser).check(input);
  });
});

describe('mutate', () => {
  it('has the same result for the same seed only', () => {
    const bytes = Buffer.from('0d00000008000000', 'hex');
    const mutations = (seed: number) => {
      const random = randomFrom(seed);
      return Array.from({ length: 20 }, () => mutate(bytes, random, bytes).toString('hex'));
    };
    expect(mutations(1)).toEqual(mutations(1));
    expect(mutations(1)).not.toEqual(mutations(2));
  });

  it('accepts an empty input', () => {
    const random = randomFrom(3);
    for (let turn = 0; turn < 1000; turn++)
      expect(() => mutate(Buffer.alloc(0), random, Buffer.alloc(0))).not.toThrow();
  });
});

describe('decodeSteps', () => {
  it('is the inverse of encodeSteps', () => {
    const steps: Step[] = [
      { from: 'client', bytes: Buffer.from('one') },
      { from: 'server', gap: 7 },
      { from: 'server', bytes: Buffer.from('two') },
    ];
    expect([...decodeSteps(encodeSteps(steps))]).toEqual(steps);
  });
});
