import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority } from './authority.js';
import { startChild } from './child.js';
import { type Display, startDisplay } from './display.js';
import { startFront } from './front.js';
import type { Lab } from './lab.js';
import type { Picture } from './picture.js';
import { freePort, isListening } from './port.js';
import { TARGET_NAMES, type Target, targetBehind } from './target.js';

/** freerdp-shadow shares a display that shows the picture; it asks nobody for a password. */
export async function startShadow(lab: Lab, authority: Authority, picture: Picture): Promise<Target> {
  return shareDisplay(lab, authority, picture, await startDisplay(lab));
}

/** The same with a display on which more is to be shown later. */
export async function shareDisplay(
  lab: Lab,
  authority: Authority,
  picture: Picture,
  display: Display,
): Promise<Target> {
  await display.show(picture);
  const home = join(lab.folder, `shadow${display.name.replace(':', '-')}`);
  const settings = join(home, '.config/freerdp/shadow');
  mkdirSync(settings, { recursive: true });
  const certificate = await authority.issue(TARGET_NAMES);
  // It has no option for them: it takes what it finds here, and makes its own otherwise.
  copyFileSync(certificate.certFile, join(settings, 'shadow.crt'));
  copyFileSync(certificate.keyFile, join(settings, 'shadow.key'));
  const port = await freePort();
  const server = await startChild(
    lab,
    'freerdp-shadow-cli',
    [`/port:${port}`, '/bind-address:127.0.0.1', '-auth', '/sec:tls'],
    { env: { HOME: home, DISPLAY: display.name }, ready: () => isListening(port) },
  );
  const front = await startFront(lab, port);
  return targetBehind(front, { name: 'shadow', user: 'lab', password: 'lab', log: server.output });
}
