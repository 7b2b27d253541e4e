/** A FreeRDP client that shows a desktop with an animation through the gateway. */
import { type Authority, makeAuthority } from '../lab/authority.js';
import { type Child, startChild } from '../lab/child.js';
import { type RunningClient, startClient } from '../lab/client.js';
import { startDisplay } from '../lab/display.js';
import type { Lab } from '../lab/lab.js';
import { drawPicture } from '../lab/picture.js';
import { waitForPicture } from '../lab/screen.js';
import { shareDisplay } from '../lab/shadow.js';
import { sleep } from '../support/wait.js';
import type { FigureRow } from './figures.js';
import { round } from './figures.js';
import type { SoakGateway } from './gateway.js';

/** Interval in which activity is counted once, because RDP frames are sent in bursts. */
const INTERVAL_MS = 100;

export interface Desktop {
  readonly client: RunningClient;
  /** Measures for `ms` milliseconds the screen updates that the target sends. */
  activity(ms: number): Promise<ScreenActivity>;
  /** Ends the animation, shows a new picture on the desktop, and resolves with its RMSE on the client's screen. */
  showNewPicture(): Promise<number>;
}

export interface ScreenActivity {
  readonly bytes: number;
  readonly figures: FigureRow;
}

let authority: Authority | undefined;

export async function openDesktop(lab: Lab, gateway: SoakGateway): Promise<Desktop> {
  authority ??= await makeAuthority(lab, 'authority');
  const display = await startDisplay(lab);
  const picture = await drawPicture(lab);
  await display.show(picture);
  const target = await shareDisplay(lab, authority, display);
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
  const animation = await startAnimation(lab, display.name);
  return {
    client,
    async activity(ms) {
      const before = target.bytesSent();
      let [last, active, intervals] = [before, 0, 0];
      for (const end = performance.now() + ms; performance.now() < end; intervals++) {
        await sleep(INTERVAL_MS);
        if (target.bytesSent() > last) active++;
        last = target.bytesSent();
      }
      const bytes = last - before;
      return {
        bytes,
        figures: {
          'KiB/s': round(bytes / 1024 / (ms / 1000)),
          'active intervals %': round((100 * active) / intervals),
        },
      };
    },
    async showNewPicture() {
      await animation.stop();
      const fresh = await drawPicture(lab);
      await display.show(fresh);
      return waitForPicture(lab, client, fresh);
    },
  };
}

/** Starts ico, which animates a polyhedron in its own window. */
function startAnimation(lab: Lab, display: string): Promise<Child> {
  return startChild(lab, 'ico', ['-r', '-sleep', '0.04', '-size', '200x200'], { env: { DISPLAY: display } });
}
