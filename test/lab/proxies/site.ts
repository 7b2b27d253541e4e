import { echoTarget } from '../../support/target.js';
import { type Authority, makeAuthority } from '../authority.js';
import { type ClientVersion, startClient } from '../client.js';
import type { Lab } from '../lab.js';
import { drawPicture, type Picture } from '../picture.js';
import { waitForPicture } from '../screen.js';
import { startShadow } from '../shadow.js';
import type { Target } from '../target.js';
import { type GatewayBehind, type RunningProxy, startGatewayBehind, startProxy } from './proxy.js';
import type { Recipe, Transport } from './recipes.js';
import { tokenFor } from './session.js';

/** The programs around the proxies: a gateway for each settings file, a target that echoes, and a desktop. */
export interface ProxySite {
  readonly lab: Lab;
  readonly authority: Authority;
  /** The port of the target that echoes. */
  readonly echoPort: number;
  /** The gateway with these settings, started once. */
  gateway(settings: string): Promise<GatewayBehind>;
  /** The proxy of a recipe, started once. */
  proxy(recipe: Recipe): Promise<RunningProxy>;
  /** Opens the desktop with FreeRDP. Throws unless the client shows it, and the gateway names this transport. */
  showDesktop(proxy: RunningProxy, version: ClientVersion, transport: Transport): Promise<void>;
}

/** FreeRDP shows the desktop after two seconds, later on a busy machine. */
const PICTURE_LIMIT_MS = 20_000;

export async function openSite(lab: Lab): Promise<ProxySite> {
  const authority = await makeAuthority(lab, 'authority');
  const echo = await echoTarget();
  lab.onClose(() => echo.stop());
  const desktop = once(async () => {
    const picture = await drawPicture(lab);
    return { picture, target: await startShadow(lab, authority, picture) };
  });
  const gateway = onceFor((settings: string) => startGatewayBehind(lab, settings));
  const proxy = onceFor(async (recipe: Recipe) => startProxy(lab, authority, recipe, await gateway(recipe.settings)));
  return {
    lab,
    authority,
    echoPort: echo.port,
    gateway,
    proxy,
    showDesktop: async (to, version, transport) => showDesktop(lab, to, await desktop(), version, transport),
  };
}

async function showDesktop(
  lab: Lab,
  proxy: RunningProxy,
  { target, picture }: { readonly target: Target; readonly picture: Picture },
  version: ClientVersion,
  transport: Transport,
): Promise<void> {
  const wanted = transport === 'dual channel' ? 'http' : 'websocket';
  const before = proxy.gateway.log().length;
  const { host, port, user, password } = target;
  const token = await tokenFor(proxy, `${host}:${port}`);
  const client = await startClient(lab, {
    version,
    transport: wanted,
    to: { host, port },
    gateway: { host: proxy.host, port: proxy.port, token },
    trust: proxy.trust,
    ...{ user, password },
  });
  try {
    await waitForPicture(lab, client, picture, PICTURE_LIMIT_MS);
    const opened = proxy.gateway
      .log()
      .slice(before)
      .find(({ event }) => event === 'channel.opened');
    if (opened?.transport !== wanted) throw new Error(`the transport is ${opened?.transport}, not ${wanted}`);
  } finally {
    await client.stop();
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function onceFor<K, T>(make: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const made = new Map<K, Promise<T>>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}
