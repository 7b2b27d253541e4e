/** A real client that shows a real desktop through the gateway, with something on it that never stands still. */
import { type Authority, makeAuthority } from '../lab/authority.js';
import { type Child, startChild } from '../lab/child.js';
import { type RunningClient, startClient } from '../lab/client.js';
import { startDisplay } from '../lab/display.js';
import type { Lab } from '../lab/lab.js';
import { drawPicture } from '../lab/picture.js';
import { shareDisplay } from '../lab/shadow.js';
import { waitForPicture } from '../lab/sight.js';
import { sleep } from '../support/wait.js';
import type { Facts } from './figures.js';
import { round } from './figures.js';
import type { SoakGateway } from './gateway.js';

/** What a person would call one movement: frames of RDP come in bursts. */
const SLOT_MS = 100;

export interface Desktop {
  readonly client: RunningClient;
  /** How much moved on its screen in these milliseconds, counted at the target. */
  movement(ms: number): Promise<Movement>;
  /** Everything stands still and a picture that was not there before is shown: the client's screen has to follow. */
  showsNewPicture(): Promise<number>;
}

export interface Movement {
  readonly bytes: number;
  readonly facts: Facts;
}

let authority: Authority | undefined;

export async function openDesktop(lab: Lab, gateway: SoakGateway): Promise<Desktop> {
  authority ??= await makeAuthority(lab, 'authority');
  const display = await startDisplay(lab);
  const picture = await drawPicture(lab);
  const target = await shareDisplay(lab, authority, picture, display);
  const { host, port } = gateway.process;
  const token = await gateway.token(`${target.host}:${target.port}`, 'desktop');
  const client = await startClient(lab, {
    version: '2.11.7',
    to: { host: target.host, port: target.port },
    user: target.user,
    password: target.password,
    gateway: { host, port, token },
    trust: [authority.caFile, gateway.process.caFile],
  });
  await waitForPicture(lab, client, picture);
  const moving = await startMovement(lab, display.name);
  return {
    client,
    async movement(ms) {
      const before = target.shown();
      let [last, moved, slots] = [before, 0, 0];
      for (const end = performance.now() + ms; performance.now() < end; slots++) {
        await sleep(SLOT_MS);
        if (target.shown() > last) moved++;
        last = target.shown();
      }
      const bytes = last - before;
      return {
        bytes,
        facts: { 'KiB/s': round(bytes / 1024 / (ms / 1000)), 'tenths moving %': round((100 * moved) / slots) },
      };
    },
    async showsNewPicture() {
      await moving.stop();
      const fresh = await drawPicture(lab);
      await display.show(fresh);
      return waitForPicture(lab, client, fresh);
    },
  };
}

/** A wire frame that bounces about in a window of its own. */
function startMovement(lab: Lab, display: string): Promise<Child> {
  return startChild(lab, 'ico', ['-r', '-sleep', '0.04', '-size', '200x200'], { env: { DISPLAY: display } });
}
