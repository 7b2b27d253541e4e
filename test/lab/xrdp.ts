import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAccount } from './account.js';
import type { Authority, Certificate } from './authority.js';
import { type Child, startChild } from './child.js';
import type { Lab } from './lab.js';
import type { Picture } from './picture.js';
import { freePort, isListening } from './port.js';
import { TARGET_NAMES, type Target, targetBehind } from './target.js';
import { startTargetProxy } from './target-proxy.js';

/**
 * The path is compiled into xrdp, which reads the port of its session manager from this file regardless of --config.
 */
const SESMAN_INI = '/etc/xrdp/sesman.ini';
const RUN_FOLDER = '/run/xrdp';

/** Starts xrdp with an account whose session shows the picture. The first login creates it, later ones reconnect. */
export async function startXrdp(lab: Lab, authority: Authority, picture: Picture): Promise<Target> {
  const folder = join(lab.folder, 'xrdp');
  const runFolder = join(folder, 'run');
  mkdirSync(folder);
  mkdirSync(runFolder);
  // With stricter permissions the login succeeds, but the screen stays black.
  mkdirSync(join(runFolder, 'sockdir'));
  chmodSync(join(runFolder, 'sockdir'), 0o3777);
  mkdirSync(RUN_FOLDER, { recursive: true });

  const [port, sesmanPort] = [await freePort(), await freePort()];
  const files = { sesman: join(folder, 'sesman.ini'), xrdp: join(folder, 'xrdp.ini'), start: join(folder, 'start.sh') };
  const logs = { sesman: join(folder, 'sesman.log'), xrdp: join(folder, 'xrdp.log') };
  writeFileSync(files.start, `#!/bin/sh\ndisplay -window root '${picture.file}'\nexec sleep infinity\n`);
  chmodSync(files.start, 0o755);
  writeFileSync(files.sesman, sesmanIni(lab, files.start, sesmanPort, logs.sesman));
  writeFileSync(files.xrdp, xrdpIni(port, await authority.issue(TARGET_NAMES), logs.xrdp));
  const account = await makeAccount(lab);

  const start = (program: string, ini: string, ready: () => boolean): Promise<Child> =>
    startChild(lab, 'unshare', [...privateMounts(files.sesman, runFolder), program, '--nodaemon', '--config', ini], {
      ready,
    });
  await start('xrdp-sesman', files.sesman, () => isListening(sesmanPort));
  await start('xrdp', files.xrdp, () => isListening(port));
  const proxy = await startTargetProxy(lab, port);
  return targetBehind(proxy, {
    name: 'xrdp',
    user: account.name,
    password: account.password,
    log: () => readFileSync(logs.sesman, 'utf8') + readFileSync(logs.xrdp, 'utf8'),
  });
}

/**
 * Runs a program with its own configuration and socket folder of xrdp, so that an xrdp of the machine is not affected.
 */
function privateMounts(sesmanIni: string, runFolder: string): string[] {
  const script = `mount --bind "$1" ${SESMAN_INI} && mount --bind "$2" ${RUN_FOLDER} && shift 2 && exec "$@"`;
  return ['--mount', 'sh', '-c', script, 'sh', sesmanIni, runFolder];
}

function xrdpIni(port: number, certificate: Certificate, log: string): string {
  return `[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:${port}
tcp_nodelay=true
security_layer=tls
certificate=${certificate.certFile}
key_file=${certificate.keyFile}
ssl_protocols=TLSv1.2, TLSv1.3
autorun=Xorg
allow_channels=true
max_bpp=32

${logging(log)}
[Channels]
rdpdr=false
rdpsnd=false
drdynvc=true
cliprdr=false

[Xorg]
name=Xorg
lib=libxup.so
username=ask
password=ask
ip=127.0.0.1
port=-1
code=20
`;
}

/** Display numbers start at 100. sesman skips those that are in use. */
function sesmanIni(lab: Lab, start: string, port: number, log: string): string {
  const variables = Object.entries(lab.tag).map(([name, value]) => `${name}=${value}`);
  return `[Globals]
ListenAddress=127.0.0.1
ListenPort=${port}
EnableUserWindowManager=false
DefaultWindowManager=${start}

[Security]
AllowRootLogin=false
MaxLoginRetry=1

[Sessions]
X11DisplayOffset=100
MaxSessions=10
KillDisconnected=false
Policy=Default

${logging(log)}
[Xorg]
param=/usr/lib/xorg/Xorg
param=-config
param=xrdp/xorg.conf
param=-noreset
param=-nolisten
param=tcp
param=-logfile
param=/dev/null

[SessionVariables]
${variables.join('\n')}
`;
}

function logging(file: string): string {
  return `[Logging]\nLogFile=${file}\nLogLevel=INFO\nEnableSyslog=false\n`;
}
