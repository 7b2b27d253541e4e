import type { Socket } from 'node:net';
import { type TestTarget, testTarget } from '../../support/target.js';
import { until } from '../until.js';
import { startProxy } from './proxy.js';
import type { IdleLimit, Recipe } from './recipes.js';
import { type Session, withSession } from './session.js';
import type { ProxySite } from './site.js';

/** How often a side sends that is not silent, well within the short limit. */
const TALK_MS = 300;
/** The short limit of 3 s, which Envoy checks only once a second, on a busy machine. */
const END_LIMIT_MS = 12_000;

/**
 * Verifies that a line of a recipe is what keeps a session open. With a limit of 3 s in its place the proxy ends the
 * session, and the gateway logs that the client has gone. Meanwhile a session through the unchanged recipe goes on.
 */
export async function verifyLimit(site: ProxySite, recipe: Recipe, limit: IdleLimit): Promise<void> {
  const { transport, silent } = limit;
  const gateway = await site.gateway(recipe.settings);
  const short = await startProxy(site.lab, site.authority, recipe, gateway, [[limit.line, shortened(limit.line)]]);
  const target = await talkingTarget(silent !== 'both');
  const to = { transport, port: target.port, limitMs: 2 * END_LIMIT_MS };
  const talk = ({ client }: Session): void => {
    if (silent !== 'nobody') return;
    const timer = setInterval(() => client.send(Buffer.from('.')), TALK_MS);
    for (const socket of client.pipe.sockets) socket.once('close', () => clearInterval(timer));
  };
  try {
    await withSession(await site.proxy(recipe), to, async (lasting) => {
      talk(lasting);
      await withSession(short, to, async (ending) => {
        talk(ending);
        const ended = (id: string) =>
          gateway.log().find(({ event, connection }) => event === 'session.ended' && connection === id);
        const { cause } = await until(`the end by ${limit.line}`, END_LIMIT_MS, () => ended(ending.id));
        if (cause !== 'client closed' && cause !== 'client reset') throw new Error(`the cause is ${cause}`);
        if (ended(lasting.id) !== undefined) throw new Error('the session through the unchanged recipe ended too');
      });
    });
  } finally {
    await target.stop();
    await short.child.stop();
  }
}

function shortened(line: string): string {
  return line.replace(/\d+[hs]$/, '3s');
}

function talkingTarget(talks: boolean): Promise<TestTarget> {
  return testTarget((socket: Socket) => {
    socket.resume();
    const timer = setInterval(() => talks && socket.write('.'), TALK_MS);
    socket.once('close', () => clearInterval(timer));
  });
}
