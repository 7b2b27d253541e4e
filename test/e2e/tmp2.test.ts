import { afterAll, beforeAll, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.js';
import { startGatewayBehind, startProxy } from '../lab/proxies/proxy.js';
import { RECIPES } from '../lab/proxies/recipes.js';
import { echoSessions } from '../lab/proxies/session.js';
import { openSite, type ProxySite } from '../lab/proxies/site.js';

let lab: Lab;
let site: ProxySite;
beforeAll(async () => {
  lab = await openLab('tmp');
  site = await openSite(lab);
});
afterAll(async () => {
  await lab.close();
});
it('haproxy', async () => {
  const recipe = RECIPES.find((r) => r.file === (process.env.FILE ?? 'haproxy-http.cfg'))!;
  const gateway = await startGatewayBehind(lab, recipe.settings, [['forwarded:', 'log: {level: debug}\nforwarded:']]);
  const proxy = await startProxy(lab, site.authority, recipe, gateway);
  for (let i = 0; i < 30; i++) {
    const a = gateway.log().length;
    const b = proxy.child.output().length;
    const r = await echoSessions(proxy, { transport: 'dual channel', port: site.echoPort }, 6).then(
      () => 'ok',
      (e) => String(e).slice(0, 300),
    );
    if (r !== 'ok') {
      console.log(i, r);
      console.log(
        gateway
          .log()
          .slice(a)
          .map((l) => JSON.stringify(l))
          .join('\n'),
      );
      console.log(proxy.child.output().slice(b));
      break;
    }
  }
});
