/** `ClientSession` connected to `GatewaySession` without sockets and with a virtual clock. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DATA_PAYLOAD, type FlowState, RESULT, step } from '../../src/protocol/index.js';
import { Pair, type PairOptions } from '../support/pair.js';
import { packetLine } from './gateway.js';

describe('a pair of sessions', () => {
  it('opens a channel, carries bytes both ways and closes', () => {
    const pair = new Pair().start();
    pair.fromApplication(Buffer.from('ping'));
    pair.settle();
    pair.fromTarget(Buffer.from('pong'));
    pair.settle();
    expect(String(Buffer.concat(pair.atTarget))).toBe('ping');
    expect(String(Buffer.concat(pair.atApplication))).toBe('pong');
    pair.act((client) => client.closeChannel());
    pair.settle();
    expect(conversation(pair)).toEqual([
      'client HANDSHAKE_REQUEST',
      'gateway HANDSHAKE_RESPONSE 0x00000000',
      'client TUNNEL_CREATE',
      'gateway TUNNEL_RESPONSE 0x00000000',
      'client TUNNEL_AUTH',
      'gateway TUNNEL_AUTH_RESPONSE 0x00000000',
      'client CHANNEL_CREATE',
      'gateway CHANNEL_RESPONSE 0x00000000',
      'client DATA 70696e67',
      'gateway DATA 706f6e67',
      'client CLOSE_CHANNEL 0x00000000',
      'gateway CLOSE_CHANNEL_RESPONSE 0x00000000',
    ]);
    expect([pair.client.state, pair.gateway.state]).toEqual(['authorized', 'authorized']);
  });

  it('opens a second channel on the same tunnel', () => {
    const pair = new Pair().start();
    pair.act((client) => client.closeChannel());
    pair.settle();
    pair.act((client) => client.createChannel());
    pair.settle();
    const opened = pair.clientEffects.filter((effect) => effect.do === 'opened');
    expect(opened).toEqual([
      { do: 'opened', tunnelId: 6, channelId: 1 },
      { do: 'opened', tunnelId: 6, channelId: 2 },
    ]);
  });

  it('connects to the resources before the alternates', () => {
    const requested: (readonly string[])[] = [];
    const dial = (names: readonly string[]) => {
      requested.push(names);
      return true as const;
    };
    new Pair({ dial, client: { resources: ['a', 'b'], altResources: ['c', 'd'] } }).start();
    expect(requested).toEqual([['a', 'b', 'c', 'd']]);
  });

  it('tolerates DATA in transit in both directions when the channel closes', () => {
    const pair = new Pair().start();
    pair.fromTarget(Buffer.from('last bytes'));
    pair.applyEffects(pair.gateway.targetEnded('end', pair.now));
    pair.fromApplication(Buffer.from('late'));
    pair.moveToGateway();
    pair.settle();
    expect(String(Buffer.concat(pair.atApplication))).toBe('last bytes');
    expect(pair.atTarget).toEqual([]);
    expect(pair.clientEffects.at(-1)).toEqual({ do: 'closed', code: 0 });
    expect(pair.gatewayEffects.at(-1)).toEqual({ do: 'end', cause: 'target closed' });
  });

  it('closes the channel once on each side if both sides close at the same time', () => {
    const pair = new Pair().start();
    pair.applyEffects(pair.gateway.targetEnded('reset', pair.now));
    pair.act((client) => client.closeChannel());
    pair.settle();
    expect(pair.clientEffects.filter((effect) => effect.do === 'closed')).toHaveLength(1);
    expect(pair.client.state).toBe('authorized');
    expect(pair.gateway.ended).toBe(true);
  });

  it.each<[string, PairOptions, string]>([
    [
      'a token',
      { authenticate: () => ({ allow: false, code: RESULT.E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED }) },
      'gateway TUNNEL_RESPONSE 0x800759F8',
    ],
    ['a target', { dial: () => RESULT.E_PROXY_RAP_ACCESSDENIED }, 'gateway CHANNEL_RESPONSE 0x800759DA'],
    [
      'no token at all',
      { client: { extendedAuth: 0, token: undefined as never } },
      'gateway TUNNEL_RESPONSE 0x800759F9',
    ],
  ])('refuses %s', (_, options, last) => {
    const pair = new Pair(options).start();
    expect(conversation(pair).at(-1)).toBe(last);
    expect(pair.client.state).toBe('refused');
    expect(pair.gateway.ended).toBe(true);
    expect(pair.advance(1e9).gatewayEffects.at(-1)).toMatchObject({ do: 'end', cause: 'refused' });
  });

  it('sends KEEPALIVE on an idle channel for a day, and not after its close', () => {
    const pair = new Pair().start();
    pair.advance(24 * 3_600_000);
    const keepAlives = pair.wire.filter(({ packet }) => packetLine(packet) === 'KEEPALIVE');
    expect(keepAlives).toHaveLength((24 * 3_600_000) / 30_000);
    expect(keepAlives.every(({ side }) => side === 'gateway')).toBe(true);
    pair.act((client) => client.closeChannel());
    pair.settle();
    const before = pair.wire.length;
    pair.advance(119_999);
    expect(pair.wire).toHaveLength(before);
    pair.advance(1);
    expect(pair.gatewayEffects.at(-1)).toEqual({ do: 'end', cause: 'set-up timeout' });
  });

  it('ends with a response if the identity is never decided', () => {
    const pair = new Pair({ authenticate: () => undefined }).start();
    pair.advance(120_000);
    expect(conversation(pair).at(-1)).toBe('gateway TUNNEL_RESPONSE 0x800759D8');
    expect(pair.clientEffects.at(-1)).toMatchObject({ do: 'refused' });
  });
});

describe('arbitrary traffic in arbitrary chunks', () => {
  const traffic = fc.array(
    fc.tuple(fc.constantFrom('application', 'target'), fc.nat({ max: 2 * DATA_PAYLOAD + 10 }), fc.boolean()),
    { maxLength: 12 },
  );

  it('arrives complete and in order, and the state table allows every PDU', () => {
    fc.assert(
      fc.property(traffic, fc.integer({ min: 1, max: 20_000 }), (turns, chunk) => {
        const pair = new Pair({ chunk: Math.max(chunk, 64) }).start();
        const sent = { application: [] as Buffer[], target: [] as Buffer[] };
        for (const [from, length, settle] of turns) {
          const bytes = Buffer.alloc(length, `${sent.application.length}-${sent.target.length};`);
          sent[from as keyof typeof sent].push(bytes);
          if (from === 'application') pair.fromApplication(bytes);
          else pair.fromTarget(bytes);
          if (settle) pair.settle();
        }
        pair.applyEffects(pair.gateway.targetEnded('end', pair.now));
        pair.settle();
        expect(
          Buffer.concat(pair.atTarget).equals(Buffer.concat(sent.application).subarray(0, total(pair.atTarget))),
        ).toBe(true);
        expect(Buffer.concat(pair.atApplication).equals(Buffer.concat(sent.target))).toBe(true);
        expect(observed(pair)).toBe('authorized');
      }),
      { numRuns: 60 },
    );
  });
});

function conversation(pair: Pair): string[] {
  return pair.wire.map(({ side, packet }) => `${side} ${packetLine(packet)}`);
}

function total(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}

/** The final state of an observer of the connection. */
function observed(pair: Pair): FlowState {
  return pair.wire.reduce<FlowState>((state, { side, packet }) => {
    const next = step(state, side, packet);
    expect(next, `${side} ${packetLine(packet)} in ${state}`).toBeDefined();
    return next as FlowState;
  }, 'start');
}
