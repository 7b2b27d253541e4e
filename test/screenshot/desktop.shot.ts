/**
 * The picture in the README: a real desktop, opened by a real client through `rdgw serve`, with the log of the gateway in a terminal. The
 * desktop is compared with what the client shows, so that the picture is never of something else.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeAccount } from '../lab/account.js';
import { type Authority, makeAuthority } from '../lab/authority.js';
import { type Child, startChild } from '../lab/child.js';
import { type Display, startDisplay } from '../lab/display.js';
import { type Lab, openLab } from '../lab/lab.js';
import { difference, SAME_PICTURE_RMSE } from '../lab/picture.js';
import { freePort, isListening } from '../lab/port.js';
import { runProgram, tryProgram } from '../lab/program.js';
import { shareDisplay } from '../lab/shadow.js';
import type { Target } from '../lab/target.js';
import { until } from '../lab/until.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RDGW = join(ROOT, 'bin/run.js');
const SESSION = fileURLToPath(new URL('session.sh', import.meta.url));
/** The file to write; `npm run screenshot` names docs/desktop.png. */
const FILE = process.env.RDGW_SCREENSHOT;

const TITLE = 'desk.example – FreeRDP';
const REMOTE = { width: 1000, height: 500 };
const SCREEN = { width: 1180, height: 740 };
const CLIENT_AT = { x: 160, y: 10 };
/** The port that a gateway has without a setting; another one where it is taken. */
const USUAL_PORT = 8443;
/** GTK programs start slowly on a busy machine. */
const START_LIMIT_MS = 60_000;

let lab: Lab;
let authority: Authority;
beforeAll(async () => {
  lab = await openLab('screenshot');
  authority = await makeAuthority(lab, 'target-ca');
});
afterAll(() => lab?.close());

it('shows the desktop that the target shows', async () => {
  const remote = await startDisplay(lab, REMOTE);
  await startDesktop(remote);
  const target = await shareDisplay(lab, authority, remote);
  const local = await startDisplay(lab, SCREEN);
  await startWindowManager(local);
  const { port, dataDir } = await startGatewayInTerminal(local);
  const rdpFile = await makeRdpFile(target, port, dataDir);
  await startClient(local, rdpFile, [authority.caFile, join(dataDir, 'ca.pem')]);
  const content = await contentOf(TITLE, local);

  const [wanted, shown, whole] = ['remote.png', 'client.png', 'whole.png'].map((name) => join(lab.results, name)) as [
    string,
    string,
    string,
  ];
  await until('the client to show the desktop', START_LIMIT_MS, async () => {
    await remote.screenshot(wanted);
    await local.screenshot(whole);
    const area = `${REMOTE.width}x${REMOTE.height}+${content.x}+${content.y}`;
    await runProgram('convert', [whole, '-crop', area, '+repage', shown]);
    return (await difference(wanted, shown)) < SAME_PICTURE_RMSE;
  });
  const picture = join(lab.results, 'desktop.png');
  await runProgram('convert', [
    whole,
    '-strip',
    '-dither',
    'None',
    '-colors',
    '256',
    '-define',
    'png:compression-level=9',
    `png8:${picture}`,
  ]);
  expect(await difference(whole, picture)).toBeLessThan(SAME_PICTURE_RMSE);
  if (FILE !== undefined) copyFileSync(picture, FILE);
});

/** The programs warn when they run as root, so that they get an account of their own. */
async function startDesktop(display: Display): Promise<void> {
  const { name } = await makeAccount(lab);
  const as = ['--reuid', name, '--regid', name, '--init-groups'];
  // The bus starts some of the programs, so that they need the home folder too.
  const home = join(lab.folder, 'account');
  await startChild(lab, 'setpriv', [...as, 'dbus-run-session', '--', 'sh', SESSION], {
    env: { DISPLAY: display.name, USER: name, HOME: home, XDG_RUNTIME_DIR: join(home, 'run') },
    cwd: home,
    ready: (child) => child.output().includes('ready\n'),
    readyLimitMs: START_LIMIT_MS,
  });
}

async function startWindowManager(display: Display): Promise<void> {
  const home = join(lab.folder, 'client');
  const settings = join(home, '.config/xfce4/xfconf/xfce-perchannel-xml');
  mkdirSync(settings, { recursive: true });
  chmodSync(home, 0o700);
  copyFileSync(
    join(lab.folder, 'account/.config/xfce4/xfconf/xfce-perchannel-xml/xfwm4.xml'),
    join(settings, 'xfwm4.xml'),
  );
  const env = { DISPLAY: display.name, HOME: home, XDG_RUNTIME_DIR: home };
  await runProgram('xsetroot', ['-solid', '#31363b'], { env });
  await startChild(lab, 'dbus-run-session', ['--', 'xfwm4'], { env });
  await until('the window manager', START_LIMIT_MS, async () =>
    (await tryProgram('wmctrl', ['-m'], { env })).stdout.includes('Xfwm4'),
  );
}

/** `rdgw serve` as people start it, in a terminal that shows its log. */
async function startGatewayInTerminal(display: Display): Promise<{ port: number; dataDir: string }> {
  const home = join(lab.folder, 'client');
  const log = join(lab.folder, 'gateway.log');
  const port = (await isListening(USUAL_PORT)) ? await freePort() : USUAL_PORT;
  // The variable of the lab would be reported as an unknown setting.
  const serve = `env -u RDGW_LAB "${process.execPath}" "${RDGW}" serve --listen 127.0.0.1:${port}`;
  const command = `printf '$ rdgw serve\\n'; ${serve} 2>&1 | tee "${log}"`;
  const look = ['-fa', 'DejaVu Sans Mono', '-fs', '8', '-bg', '#1d2021', '-fg', '#ebdbb2', '-geometry', '164x11+8+558'];
  await startChild(lab, 'xterm', [...look, '-T', 'Terminal', '-e', 'sh', '-c', command], {
    // Otherwise the picture would show the name of this machine.
    env: { DISPLAY: display.name, HOME: home, RDGW_HOSTNAME: 'localhost' },
    ready: () => read(log).includes('listens on'),
    readyLimitMs: START_LIMIT_MS,
  });
  return { port, dataDir: join(home, '.local/share/rdgw') };
}

async function makeRdpFile({ host, port }: Target, gatewayPort: number, dataDir: string): Promise<string> {
  const file = join(lab.folder, 'desk.rdp');
  await runProgram(process.execPath, [
    RDGW,
    'mkrdp',
    ...['--target', `${host}:${port}`, '--gateway', `localhost:${gatewayPort}`, '--user', 'ada'],
    ...['--data-dir', dataDir, '--output', file],
  ]);
  return file;
}

/** Where the content of a window is on the screen, without the decorations of the window manager. */
async function contentOf(title: string, display: Display): Promise<{ x: number; y: number }> {
  const said = await runProgram('xwininfo', ['-name', title], { env: { DISPLAY: display.name } });
  const [x, y] = ['X', 'Y'].map((axis) => Number(new RegExp(`Absolute upper-left ${axis}:\\s+(\\d+)`).exec(said)?.[1]));
  if (x === undefined || y === undefined || Number.isNaN(x + y)) throw new Error(`xwininfo printed: ${said}`);
  return { x, y };
}

async function startClient(display: Display, rdpFile: string, trust: readonly string[]): Promise<Child> {
  const home = join(lab.folder, 'client');
  const ca = join(home, 'ca.pem');
  await runProgram('sh', ['-c', `cat ${trust.map((file) => `'${file}'`).join(' ')} > '${ca}'`]);
  const { width, height } = REMOTE;
  const child = await startChild(
    lab,
    'xfreerdp',
    [
      rdpFile,
      ...[
        '/cert:deny',
        '/sec:tls',
        '/u:lab',
        '/p:lab',
        `/size:${width}x${height}`,
        '-clipboard',
        '/client-hostname:LAPTOP',
        `/t:${TITLE}`,
      ],
    ],
    { env: { DISPLAY: display.name, HOME: home, SSL_CERT_FILE: ca, SSL_CERT_DIR: home } },
  );
  const env = { DISPLAY: display.name };
  await until('the window of the client', START_LIMIT_MS, async () =>
    (await tryProgram('wmctrl', ['-l'], { env })).stdout.includes('FreeRDP'),
  );
  await runProgram('wmctrl', ['-r', 'FreeRDP', '-e', `0,${CLIENT_AT.x},${CLIENT_AT.y},-1,-1`], { env });
  return child;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
