// Makes docs/desktop.png: a real desktop that FreeRDP opens through rdgw. With --check the picture goes to .test-results only.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { canInstall, installPackages, missingPackages, SetupError } from './debian.js';

/** Beside those of test-setup.js. */
const PACKAGES = [
  'dbus-daemon', // dbus-run-session
  'elementary-xfce-icon-theme',
  'fonts-dejavu-core',
  'mousepad', // an editor on the desktop
  'thunar', // a file manager on the desktop
  'wmctrl', // moves windows
  'x11-utils', // xwininfo
  'x11-xserver-utils', // xsetroot
  'xfce4-panel',
  'xfce4-settings',
  'xfdesktop4',
  'xfwm4', // the window manager of both displays
  'xterm', // shows the log of the gateway
];

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
try {
  const missing = missingPackages(PACKAGES);
  if (missing.length > 0 && !canInstall())
    throw new SetupError(`error: the screenshot needs the Debian packages ${missing.join(', ')}`);
  if (missing.length > 0) installPackages(missing);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const check = process.argv.includes('--check');
mkdirSync('.test-results', { recursive: true });
const reports = ['--reporter=default', '--reporter=json', '--outputFile.json=.test-results/screenshot.json'];
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project', 'screenshot', ...reports],
  { stdio: 'inherit', env: { ...process.env, ...(check ? {} : { RDGW_SCREENSHOT: 'docs/desktop.png' }) } },
);
process.exitCode = status ?? 1;
