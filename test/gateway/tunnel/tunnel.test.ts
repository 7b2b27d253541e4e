import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../../src/gateway/report/log.js';
import type { Relay, RelayEvents } from '../../../src/gateway/target/relay.js';
import type { Transport, TransportEvents } from '../../../src/gateway/transport/transport.js';
import { Tunnel, type TunnelServices } from '../../../src/gateway/tunnel/tunnel.js';
import { BARE } from '../../../src/http/envelope.js';
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

const DESK = { target: 'desk:3389', address: '10.0.0.1' };
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
    gone: async () => undefined,
  };
}

/** A tunnel on a transport that only remembers. */
function stage(services: Partial<TunnelServices>) {
  const log: Record<string, unknown>[] = [];
  const seen = { sent: [] as Buffer[], transportEnds: 0, trusted: 0, ended: 0, released: 0, paused: false };
  const untaken: ((error?: Error) => void)[] = [];
  let events: TransportEvents | undefined;
  const transport: Transport = {
    kind: 'websocket',
    open: (handlers) => {
      events = handlers;
    },
    envelope: BARE,
    write: (bytes, sent) => {
      seen.sent.push(bytes);
      untaken.push(sent);
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
    authenticate: async () => ({ identity: IDENTITY }),
    openTarget: async () => ({ relay: relay(), target: 'desk:3389', address: '10.0.0.1' }),
    log: createLog({ level: 'debug', format: 'json', write: (line) => log.push(JSON.parse(line)) }),
    timeouts: { identity: 60_000, setup: 60_000, keepAlive: 60_000, close: 1000, stall: 60_000 },
    tunnelId: 1,
    nextChannelId: () => 1,
    authenticated: () => undefined,
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
    gone: () => events?.end('client closed'),
    /** The client takes everything that waits for it. */
    takeAll: () => {
      for (const taken of untaken.splice(0)) taken();
    },
  };
}

describe('a tunnel whose own parts fail', () => {
  const broken = (): never => {
    throw new Error('our own bug');
  };
  const odd: Relay = {
    ...relay(),
    open: ({ bytes }) =>
      bytes({
        get length() {
          return broken();
        },
      } as unknown as Buffer),
  };
  it.each<[string, Partial<TunnelServices>]>([
    ['the numbering of channels throws', { nextChannelId: broken }],
    ['the decision about the token is rejected', { authenticate: async () => broken() }],
    ['opening the target is rejected', { openTarget: async () => broken() }],
    ['the place for strangers cannot be freed', { authenticated: broken }],
    ['what the target sends cannot be passed on', { openTarget: async () => ({ relay: odd, ...DESK }) }],
  ])('ends alone when %s', async (_, services) => {
    const { log, seen, bytes } = stage(services);
    bytes(SETUP);
    await eventually(() => seen.ended > 0);
    expect(seen).toMatchObject({ ended: 1, transportEnds: 1 });
    expect(log.filter(({ msg }) => msg === 'session failed')).toMatchObject([
      { level: 'error', reason: 'our own bug' },
    ]);
    expect(log.filter(({ msg }) => msg === 'session ended')).toMatchObject([{ cause: 'internal error' }]);
    bytes(SETUP);
    expect(seen.ended).toBe(1);
  });
});

describe('a tunnel whose client sends ahead', () => {
  it.each([
    ['CLOSE_CHANNEL', CLOSE_CHANNEL.encode({ statusCode: 0 })],
    ['what is not allowed', HELLO],
  ])('never opens the relay of a channel that %s has closed', async (_, pdu) => {
    const relays = [relay(), relay()];
    let dialled = 0;
    const { bytes } = stage({
      openTarget: async () => ({ relay: relays[dialled++] ?? relay(), target: 'desk:3389', address: '10.0.0.1' }),
    });
    bytes(Buffer.concat([SETUP, pdu, CREATE_CHANNEL]));
    await eventually(() => relays[0]?.ends === 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(relays[0]?.opens).toBe(0);
    expect(relays[1]?.opens).toBe(pdu === HELLO ? 0 : 1);
  });
});

describe('a tunnel with many channels', () => {
  it('has each field once on every line of the log, and a proven client is no stranger', async () => {
    const lines: string[] = [];
    const relays: ReturnType<typeof relay>[] = [];
    const { seen, bytes } = stage({
      log: createLog({ level: 'debug', format: 'json', write: (line) => lines.push(line) }),
      openTarget: async () => {
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

  it('is read no more while it takes no answers, and again when it has taken them', async () => {
    const { seen, bytes, takeAll } = stage({});
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

  it('gets the next target when the connection to the former one is gone', async () => {
    let leave: () => void = () => undefined;
    const former = relay();
    former.gone = () =>
      new Promise((resolve) => {
        leave = resolve;
      });
    const relays = [former, relay()];
    let dialled = 0;
    const { bytes } = stage({ openTarget: async () => ({ relay: relays[dialled++] ?? relay(), ...DESK }) });
    bytes(SETUP);
    await eventually(() => former.opens === 1);
    bytes(Buffer.concat([CLOSE, CREATE_CHANNEL]));
    await new Promise((resolve) => setImmediate(resolve));
    expect([former.ends, dialled]).toEqual([1, 1]);
    leave();
    await eventually(() => relays[1]?.opens === 1);
    expect(dialled).toBe(2);
  });

  describe('behind a former one that goes only when it is cut', () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    /** A tunnel whose second channel waits for its first target. */
    async function waiting() {
      const former = relay();
      const lingers: number[] = [];
      let isGone: () => void = () => undefined;
      const gone = new Promise<void>((resolve) => {
        isGone = resolve;
      });
      former.gone = () => gone;
      former.end = (lingerMs) => {
        lingers.push(lingerMs);
        if (lingerMs === 0) isGone();
      };
      let dialled = 0;
      const staged = stage({
        openTarget: async () => {
          dialled++;
          return { relay: dialled === 1 ? former : relay(), ...DESK };
        },
      });
      staged.bytes(SETUP);
      await turn();
      staged.bytes(Buffer.concat([CLOSE, CREATE_CHANNEL]));
      await turn();
      return { ...staged, lingers, isGone, dialled: () => dialled };
    }

    it('gets the next target after three seconds', async () => {
      const { lingers, dialled } = await waiting();
      vi.advanceTimersByTime(2_999);
      await turn();
      expect([lingers, dialled()]).toEqual([[1000], 1]);
      vi.advanceTimersByTime(1);
      await turn();
      expect([lingers, dialled()]).toEqual([[1000, 0], 2]);
    });

    it('gets none when it has left meanwhile: the former one may take its time, and then the place is free', async () => {
      const { seen, gone, lingers, isGone, dialled } = await waiting();
      gone();
      vi.advanceTimersByTime(3_000);
      await turn();
      expect([seen.ended, seen.released, lingers]).toEqual([1, 0, [1000]]);
      isGone();
      await turn();
      expect([seen.released, dialled()]).toEqual([1, 1]);
    });
  });

  it('keeps its place until the last target is gone', async () => {
    const target = relay();
    let leave: () => void = () => undefined;
    target.gone = () =>
      new Promise((resolve) => {
        leave = resolve;
      });
    const { seen, bytes, gone } = stage({ openTarget: async () => ({ relay: target, ...DESK }) });
    bytes(SETUP);
    await turn();
    gone();
    await turn();
    expect([seen.ended, seen.released]).toEqual([1, 0]);
    leave();
    await turn();
    expect(seen.released).toBe(1);
  });

  it('has nothing read from a new target for it while it is behind, and all of it afterwards', async () => {
    const [first, second] = [relay(), relay()];
    const relays = [first, second];
    let events: RelayEvents | undefined;
    first.open = (handlers) => {
      events = handlers;
    };
    const { bytes, takeAll } = stage({ openTarget: async () => ({ relay: relays.shift() as Relay, ...DESK }) });
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

describe('a tunnel whose target leaves', () => {
  it('while its client closes the channel: that it was closed is told once, with the cause that came first', async () => {
    let events: RelayEvents | undefined;
    const target = relay();
    target.open = (handlers) => {
      events = handlers;
    };
    const { log, bytes } = stage({ openTarget: async () => ({ relay: target, ...DESK }) });
    bytes(SETUP);
    await eventually(() => events !== undefined);
    events?.end('end');
    bytes(CLOSE_CHANNEL.encode({ statusCode: 0 }));
    expect(log.filter(({ msg }) => msg === 'channel closed')).toMatchObject([{ cause: 'target closed' }]);
  });
});

describe('a tunnel whose client leaves', () => {
  it('while its token is judged: the verdict comes to nothing', async () => {
    let decide: (verdict: { identity: Identity }) => void = () => undefined;
    let opened = 0;
    let signal: AbortSignal | undefined;
    const { log, seen, bytes, gone } = stage({
      authenticate: (_token, ended) => {
        signal = ended;
        return new Promise((resolve) => {
          decide = resolve;
        });
      },
      openTarget: async () => {
        opened++;
        return { code: 1, target: '', reason: '' };
      },
    });
    bytes(SETUP);
    gone();
    const before = seen.sent.length;
    expect(signal?.aborted).toBe(true);
    decide({ identity: IDENTITY });
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.sent).toHaveLength(before);
    expect(opened).toBe(0);
    expect(log.map(({ msg }) => msg)).toEqual(['session ended']);
  });

  it('while its target is dialled: the dial is told, and a connection that is there already is ended', async () => {
    const late = relay();
    let signal: AbortSignal | undefined;
    let connect: () => void = () => undefined;
    const { seen, bytes, gone } = stage({
      openTarget: (_identity, _names, _port, ended) => {
        signal = ended;
        return new Promise((resolve) => {
          connect = () => resolve({ relay: late, target: 'desk:3389', address: '10.0.0.1' });
        });
      },
    });
    bytes(SETUP);
    await eventually(() => signal !== undefined);
    expect(signal?.aborted).toBe(false);
    gone();
    expect(signal?.aborted).toBe(true);
    connect();
    await eventually(() => late.ends === 1);
    expect(seen.ended).toBe(1);
  });
});
