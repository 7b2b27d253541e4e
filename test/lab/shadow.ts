import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority } from './authority.js';
import { startChild } from './child.js';
import { type Display, startDisplay } from './display.js';
import type { Lab } from './lab.js';
import type { Picture } from './picture.js';
import { freePort, isListening } from './port.js';
import { TARGET_NAMES, type Target, targetBehind } from './target.js';
import { startTargetProxy } from './target-proxy.js';

/**
 * Starts freerdp-shadow on a display that shows the picture. It requires no authentication.
 * @param names the names in its certificate
 */
export async function startShadow(
  lab: Lab,
  authority: Authority,
  picture: Picture,
  names?: readonly string[],
): Promise<Target> {
  const display = await startDisplay(lab);
  await display.show(picture);
  return shareDisplay(lab, authority, display, names);
}

/** Starts freerdp-shadow on an existing display, whatever it shows. */
export async function shareDisplay(
  lab: Lab,
  authority: Authority,
  display: Display,
  names: readonly string[] = TARGET_NAMES,
): Promise<Target> {
  const home = join(lab.folder, `shadow${display.name.replace(':', '-')}`);
  const settings = join(home, '.config/freerdp/shadow');
  mkdirSync(settings, { recursive: true });
  const certificate = await authority.issue(names);
  // freerdp-shadow has no option for the certificate. It uses these files if they exist and creates them otherwise.
  copyFileSync(certificate.certFile, join(settings, 'shadow.crt'));
  copyFileSync(certificate.keyFile, join(settings, 'shadow.key'));
  const port = await freePort();
  const server = await startChild(
    lab,
    'freerdp-shadow-cli',
    [`/port:${port}`, '/bind-address:127.0.0.1', '-auth', '/sec:tls'],
    { env: { HOME: home, DISPLAY: display.name }, ready: () => isListening(port) },
  );
  const proxy = await startTargetProxy(lab, port);
  return targetBehind(proxy, { name: 'shadow', user: 'lab', password: 'lab', log: server.output });
}
