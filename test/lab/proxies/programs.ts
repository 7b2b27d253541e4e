import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryProgram } from '../program.js';
import { type Edit, type Places, readRecipe } from './recipe.js';

/** Where scripts/proxies.js puts programs of which Debian 12 has none, or an old version. */
const FOLDER = process.env.RDGW_PROXY_PROGRAMS || '/nonexistent';

/** A proxy program and how the lab starts it. */
export interface Program {
  readonly title: string;
  /** The file in examples/proxies that the program reads first, if that is not the recipe. */
  readonly main?: string;
  /** Edits after which the program listens on 127.0.0.1 only, on the port of the lab. `file` is that of the recipe. */
  listen(places: Places, file: string): readonly Edit[];
  /** The command that stays in the foreground. `file` is what it reads first. */
  command(file: string, places: Places): readonly [string, ...string[]];
  /** The command that prints the version. */
  readonly version: readonly [string, ...string[]];
}

const nginx: Program = {
  title: 'nginx',
  listen: ({ port }) => [['listen 443', `listen 127.0.0.1:${port}`]],
  // Without -e, nginx opens the error log of the machine before it reads the file.
  command: (file) => ['nginx', '-e', 'stderr', '-c', file, '-g', 'daemon off;'],
  version: ['nginx', '-v'],
};

const haproxy: Program = {
  title: 'HAProxy',
  listen: ({ port }) => [['bind :443', `bind 127.0.0.1:${port}`]],
  command: (file) => ['haproxy', '-db', '-f', file],
  version: ['haproxy', '-v'],
};

const apache: Program = {
  title: 'Apache',
  listen: ({ port }) => [
    ['Listen 443', `Listen 127.0.0.1:${port}`],
    ['*:443', `127.0.0.1:${port}`],
  ],
  command: (file, { folder }) => {
    const main = join(folder, 'apache2.conf');
    writeFileSync(main, apacheMain(file, folder));
    return ['apache2', '-DFOREGROUND', '-d', folder, '-f', main];
  },
  version: ['apache2', '-v'],
};

/** The configuration around a site: what Debian enables, and the modules that the recipe tells to enable. */
function apacheMain(site: string, folder: string): string {
  const wanted = /a2enmod (.*)/.exec(readRecipe('apache.conf'))?.[1] ?? '';
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'reqtimeout', 'socache_shmcb', ...wanted.split(' ')];
  return `${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
ServerName localhost
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache2.pid
ErrorLog "|/bin/cat"
User www-data
Group www-data
RequestReadTimeout header=20-40,minrate=500
RequestReadTimeout body=10,minrate=500
Include ${site}
`;
}

const caddyFrom = (program: string): Program => ({
  title: 'Caddy',
  listen: ({ port }) => [
    ['{\n\tservers {', '{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {'],
    ['gw.example.com:443 {', `gw.example.com:${port} {\n\tbind 127.0.0.1`],
  ],
  command: (file) => [program, 'run', '--config', file, '--adapter', 'caddyfile'],
  version: [program, 'version'],
});

const traefik: Program = {
  title: 'Traefik',
  main: 'traefik.yaml',
  listen: ({ port }, file) => [
    ['":443"', `"127.0.0.1:${port}"`],
    ['/etc/traefik/rdgw.yaml', file],
  ],
  command: (file) => [join(FOLDER, 'traefik'), `--configfile=${file}`],
  version: [join(FOLDER, 'traefik'), 'version'],
};

const envoy: Program = {
  title: 'Envoy',
  listen: ({ port, gatewayPort }) => [
    ['address: 0.0.0.0, port_value: 443', `address: 127.0.0.1, port_value: ${port}`],
    ['address: 127.0.0.1, port_value: 8443', `address: 127.0.0.1, port_value: ${gatewayPort}`],
  ],
  // Several that can be restarted in place would need numbers.
  command: (file) => [join(FOLDER, 'envoy'), '--disable-hot-restart', '--concurrency', '2', '-c', file],
  version: [join(FOLDER, 'envoy'), '--version'],
};

/** `caddy` is that of Debian, `currentCaddy` a newer one. */
export const PROGRAMS = {
  nginx,
  haproxy,
  apache,
  caddy: caddyFrom('caddy'),
  currentCaddy: caddyFrom(join(FOLDER, 'caddy')),
  traefik,
  envoy,
} as const satisfies Readonly<Record<string, Program>>;

/** Major and minor version of a program, `undefined` if it is not installed. */
export async function versionOf(program: Program): Promise<string | undefined> {
  const [command, ...args] = program.version;
  const result = await tryProgram(command, args).catch(() => undefined);
  return /(\d+\.\d+)\.\d/.exec(`${result?.stdout}${result?.stderr}`)?.[1];
}
