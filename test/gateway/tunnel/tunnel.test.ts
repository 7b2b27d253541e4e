import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../../src/gateway/report/log.js';
import type { Relay, RelayEvents } from '../../../src/gateway/target/relay.js';
import type { Transport, TransportEvents } from '../../../src/gateway/transport/transport.js';
import { Tunnel, type TunnelServices } from '../../../src/gateway/tunnel/tunnel.js';
import { NO_ENVELOPE } from '../../../src/http/envelope.js';
import type { Grant } from '../../../src/policy/grant.js';
import type { Identity } from '../../../src/policy/types.js';
import {
  CHANNEL_CREATE,
  CLOSE_CHANNEL,
  encodePaaCookie,
  HANDSHAKE_REQUEST,
  TUNNEL_AUTH,
  TUNNEL_CREATE,
} from '../../../src/protocol/index.js';
import { eventually } from '../../support/wait.js';

const IDENTITY: Identity = {
  user: 'alice',
  groups: [],
  targets: undefined,
  local: true,
  until: undefined,
  method: 'test',
  clientName: undefined,
};

const GRANT: Grant = { identity: IDENTITY, credential: { mode: 'any' } };
const DESK = { target: 'desk:3389', address: '10.0.0.1', identity: IDENTITY };
const HELLO = HANDSHAKE_REQUEST.encode({ verMajor: 1, verMinor: 0, clientVersion: 0, extendedAuth: 2 });
const CREATE_CHANNEL = CHANNEL_CREATE.encode({ resources: ['desk'], altResources: [], port: 3389, protocol: 3 });
const SETUP = Buffer.concat([
  HELLO,
  TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: encodePaaCookie('secret') }),
  TUNNEL_AUTH.encode({ clientName: 'PC' }),
  CREATE_CHANNEL,
]);

function relay(): Relay & { opens: number; ends: number; isRead: boolean } {
  return {
    isRead: false,
    waiting: 0,
    taken: 0,
    opens: 0,
    ends: 0,
    open() {
      this.opens++;
    },
    write: () => true,
    pause() {
      this.isRead = false;
    },
    resume() {
      this.isRead = true;
    },
    end() {
      this.ends++;
    },
    closed: async () => undefined,
  };
}

/** A tunnel on a transport that only records calls. */
function newTunnel(services: Partial<TunnelServices>) {
  const log: Record<string, unknown>[] = [];
  const seen = { sent: [] as Buffer[], transportEnds: 0, trusted: 0, ended: 0, released: 0, paused: false };
  const pending: ((error?: Error) => void)[] = [];
  let events: TransportEvents | undefined;
  const transport: Transport = {
    kind: 'websocket',
    open: (handlers) => {
      events = handlers;
    },
    envelope: NO_ENVELOPE,
    write: (bytes, sent) => {
      seen.sent.push(bytes);
      pending.push(sent);
    },
    trust: () => {
      seen.trusted++;
    },
    pause: () => {
      seen.paused = true;
    },
    resume: () => {
      seen.paused = false;
    },
    end: () => {
      seen.transportEnds++;
    },
  };
  const tunnel = new Tunnel(transport, {
    authenticate: async () => GRANT,
    openChannel: async () => ({ relay: relay(), ...DESK }),
    log: createLog({ level: 'debug', format: 'json', write: (line) => log.push(JSON.parse(line)) }),
    timeouts: { identity: 60_000, setup: 60_000, keepAlive: 60_000, close: 1000, stall: 60_000 },
    tunnelId: 1,
    nextChannelId: () => 1,
    authenticated: () => undefined,
    refused: () => undefined,
    ended: () => {
      seen.ended++;
    },
    released: () => {
      seen.released++;
    },
    ...services,
  });
  tunnel.start();
  return {
    log,
    seen,
    tunnel,
    bytes: (bytes: Buffer) => events?.bytes(bytes),
    closeClient: () => events?.end('client closed'),
    /** The client takes all waiting bytes. */
    takeAll: () => {
      for (const sent of pending.splice(0)) sent();
    },
  };
}

describe('a tunnel with an internal error', () => {
  const broken = (): never => {
    throw new Error('our own bug');
  };
  const brokenRelay: Relay = {
    ...relay(),
    open: ({ bytes }) =>
      bytes({
        get length() {
          return broken();
        },
      } as unknown as Buffer),
  };
  it.each<[string, Partial<TunnelServices>]>([
    ['the allocation of channel ids throws', { nextChannelId: broken }],
    ['the authentication rejects', { authenticate: async () => broken() }],
    ['the opening of the target rejects', { openChannel: async () => broken() }],
    ['the release of the handshake slot throws', { authenticated: broken }],
    ['bytes of the target cannot be forwarded', { openChannel: async () => ({ relay: brokenRelay, ...DESK }) }],
  ])('ends only itself when %s', async (_, services) => {
    const { log, seen, bytes } = newTunnel(services);
    bytes(SETUP);
    await eventually(() => seen.ended > 0);
    expect(seen).toMatchObject({ ended: 1, transportEnds: 1 });
    expect(log.filter(({ event }) => event === 'session.failed')).toMatchObject([
      { level: 'error', reason: 'our own bug' },
    ]);
    expect(log.filter(({ event }) => event === 'session.ended')).toMatchObject([{ cause: 'internal error' }]);
    bytes(SETUP);
    expect(seen.ended).toBe(1);
  });
});

describe('a tunnel whose client sends without waiting for answers', () => {
  it.each([
    ['CLOSE_CHANNEL', CLOSE_CHANNEL.encode({ statusCode: 0 })],
    ['a PDU that is not allowed', HELLO],
  ])('never opens the relay of a channel that was closed by %s', async (_, pdu) => {
    const relays = [relay(), relay()];
    let dialled = 0;
    const { bytes } = newTunnel({
      openChannel: async () => ({ relay: relays[dialled++] ?? relay(), ...DESK }),
    });
    bytes(Buffer.concat([SETUP, pdu, CREATE_CHANNEL]));
    await eventually(() => relays[0]?.ends === 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(relays[0]?.opens).toBe(0);
    expect(relays[1]?.opens).toBe(pdu === HELLO ? 0 : 1);
  });
});

describe('a tunnel with many channels', () => {
  it('has each field once on every line of the log, and trusts its client once', async () => {
    const lines: string[] = [];
    const relays: ReturnType<typeof relay>[] = [];
    const { seen, bytes } = newTunnel({
      log: createLog({ level: 'debug', format: 'json', write: (line) => lines.push(line) }),
      openChannel: async () => {
        relays.push(relay());
        return { relay: relays.at(-1) as Relay, ...DESK };
      },
    });
    bytes(SETUP);
    for (let count = 1; count <= 5; count++) {
      await eventually(() => relays.length === count && relays.at(-1)?.opens === 1);
      bytes(Buffer.concat([CLOSE_CHANNEL.encode({ statusCode: 0 }), CREATE_CHANNEL]));
    }
    await eventually(() => relays.length === 6);
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter((line) => line.split('"client":').length > 2)).toEqual([]);
    expect(seen.trusted).toBe(1);
  });
});

describe('a client that opens channel after channel', () => {
  const CLOSE = CLOSE_CHANNEL.encode({ statusCode: 0 });
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  it('is not read while it takes no answers, and is read again when it has taken them', async () => {
    const { seen, bytes, takeAll } = newTunnel({});
    bytes(SETUP);
    let channels = 0;
    for (; channels < 3_000; channels++) {
      const before = seen.sent.length;
      await eventually(() => seen.sent.length > before || !seen.paused);
      await new Promise((resolve) => setImmediate(resolve));
      if (seen.paused) break;
      bytes(Buffer.concat([CLOSE, CREATE_CHANNEL]));
    }
    expect(seen.paused).toBe(true);
    expect(channels).toBeGreaterThan(1000);
    takeAll();
    expect(seen.paused).toBe(false);
  });

  it('gets the next target when the connection to the former one is closed', async () => {
    let close: () => void = () => undefined;
    const former = relay();
    former.closed = () =>
      new Promise((resolve) => {
        close = resolve;
      });
    const relays = [former, relay()];
    let dialled = 0;
    const { bytes } = newTunnel({ openChannel: async () => ({ relay: relays[dialled++] ?? relay(), ...DESK }) });
    bytes(SETUP);
    await eventually(() => former.opens === 1);
    bytes(Buffer.concat([CLOSE, CREATE_CHANNEL]));
    await new Promise((resolve) => setImmediate(resolve));
    expect([former.ends, dialled]).toEqual([1, 1]);
    close();
    await eventually(() => relays[1]?.opens === 1);
    expect(dialled).toBe(2);
  });

  describe('after a former target that closes only when it is cut', () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    /** A tunnel whose second channel waits for the end of its first target. */
    async function waiting() {
      const former = relay();
      const lingers: number[] = [];
      let closeRelay: () => void = () => undefined;
      const closed = new Promise<void>((resolve) => {
        closeRelay = resolve;
      });
      former.closed = () => closed;
      former.end = (lingerMs) => {
        lingers.push(lingerMs);
        if (lingerMs === 0) closeRelay();
      };
      let dialled = 0;
      const created = newTunnel({
        openChannel: async () => {
          dialled++;
          return { relay: dialled === 1 ? former : relay(), ...DESK };
        },
      });
      created.bytes(SETUP);
      await turn();
      created.bytes(Buffer.concat([CLOSE, CREATE_CHANNEL]));
      await turn();
      return { ...created, lingers, closeRelay, dialled: () => dialled };
    }

    it('gets the next target after 3 s', async () => {
      const { lingers, dialled } = await waiting();
      vi.advanceTimersByTime(2_999);
      await turn();
      expect([lingers, dialled()]).toEqual([[1000], 1]);
      vi.advanceTimersByTime(1);
      await turn();
      expect([lingers, dialled()]).toEqual([[1000, 0], 2]);
    });

    it('gets none when it has disconnected, and the slot is released when the former one closes', async () => {
      const { seen, closeClient, lingers, closeRelay, dialled } = await waiting();
      closeClient();
      vi.advanceTimersByTime(3_000);
      await turn();
      expect([seen.ended, seen.released, lingers]).toEqual([1, 0, [1000]]);
      closeRelay();
      await turn();
      expect([seen.released, dialled()]).toEqual([1, 1]);
    });
  });

  it('keeps its tunnel slot until the last target is closed', async () => {
    const target = relay();
    let close: () => void = () => undefined;
    target.closed = () =>
      new Promise((resolve) => {
        close = resolve;
      });
    const { seen, bytes, closeClient } = newTunnel({ openChannel: async () => ({ relay: target, ...DESK }) });
    bytes(SETUP);
    await turn();
    closeClient();
    await turn();
    expect([seen.ended, seen.released]).toEqual([1, 0]);
    close();
    await turn();
    expect(seen.released).toBe(1);
  });

  it('pauses a new target while bytes wait for the client, and resumes it afterwards', async () => {
    const [first, second] = [relay(), relay()];
    const relays = [first, second];
    let events: RelayEvents | undefined;
    first.open = (handlers) => {
      events = handlers;
    };
    const { bytes, takeAll } = newTunnel({ openChannel: async () => ({ relay: relays.shift() as Relay, ...DESK }) });
    bytes(SETUP);
    await eventually(() => first.isRead);
    while (first.isRead) events?.bytes(Buffer.alloc(65_536));
    bytes(Buffer.concat([CLOSE, CREATE_CHANNEL]));
    await eventually(() => second.opens === 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(second.isRead).toBe(false);
    takeAll();
    expect(second.isRead).toBe(true);
  });
});

describe('a tunnel whose target disconnects', () => {
  it('while its client closes the channel logs the end of the channel once, with the first cause', async () => {
    let events: RelayEvents | undefined;
    const target = relay();
    target.open = (handlers) => {
      events = handlers;
    };
    const { log, bytes } = newTunnel({ openChannel: async () => ({ relay: target, ...DESK }) });
    bytes(SETUP);
    await eventually(() => events !== undefined);
    events?.end('end');
    bytes(CLOSE_CHANNEL.encode({ statusCode: 0 }));
    expect(log.filter(({ event }) => event === 'channel.closed')).toMatchObject([{ cause: 'target closed' }]);
  });
});

describe('a tunnel whose client disconnects', () => {
  it('during the authentication ignores its result', async () => {
    let decide: (verdict: Grant) => void = () => undefined;
    let opened = 0;
    let signal: AbortSignal | undefined;
    const { log, seen, bytes, closeClient } = newTunnel({
      authenticate: (_token, ended) => {
        signal = ended;
        return new Promise((resolve) => {
          decide = resolve;
        });
      },
      openChannel: async () => {
        opened++;
        return { code: 1, target: '', reason: '', identity: IDENTITY };
      },
    });
    bytes(SETUP);
    closeClient();
    const before = seen.sent.length;
    expect(signal?.aborted).toBe(true);
    decide(GRANT);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.sent).toHaveLength(before);
    expect(opened).toBe(0);
    expect(log.map(({ event }) => event)).toEqual(['session.ended']);
  });

  it('while its target is dialled aborts the dial, and ends a connection that is open already', async () => {
    const late = relay();
    let signal: AbortSignal | undefined;
    let connect: () => void = () => undefined;
    const { seen, bytes, closeClient } = newTunnel({
      openChannel: (_identity, _names, _port, ended) => {
        signal = ended;
        return new Promise((resolve) => {
          connect = () => resolve({ relay: late, ...DESK });
        });
      },
    });
    bytes(SETUP);
    await eventually(() => signal !== undefined);
    expect(signal?.aborted).toBe(false);
    closeClient();
    expect(signal?.aborted).toBe(true);
    connect();
    await eventually(() => late.ends === 1);
    expect(seen.ended).toBe(1);
  });
});
