import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Authority } from '../authority.js';
import { type Child, startChild } from '../child.js';
import { type GatewayProcess, startGatewayProcess } from '../gateway.js';
import type { Lab } from '../lab.js';
import { freePort } from '../port.js';
import { type Edit, fillIn, type Places, readRecipe } from './recipe.js';
import type { Recipe } from './recipes.js';

/** The name of proxies and gateways, in all their certificates. */
const NAME = 'localhost';
/** A proxy answers its first request within this time. */
const ANSWER_LIMIT_MS = 2_000;

/** A gateway with the settings of a recipe. */
export interface GatewayBehind extends GatewayProcess {
  readonly port: number;
  readonly socket: string;
}

/** A running proxy. */
export interface RunningProxy {
  readonly recipe: Recipe;
  readonly gateway: GatewayBehind;
  readonly host: typeof NAME;
  readonly port: number;
  /** PEM files of the CAs that a client has to trust: of the proxy, and of the gateway if TCP is passed through. */
  readonly trust: readonly string[];
  /** The content of these files. */
  readonly ca: string;
  readonly child: Child;
}

let count = 0;

function makeFolder(lab: Lab, name: string): string {
  count += 1;
  const folder = join(lab.folder, `${name}-${count}`);
  mkdirSync(folder);
  return folder;
}

/** @param file the settings in examples/proxies */
export async function startGatewayBehind(lab: Lab, file: string, edits: readonly Edit[] = []): Promise<GatewayBehind> {
  const folder = makeFolder(lab, 'gateway');
  const [port, socket] = [await freePort(), join(folder, 'rdgw.sock')];
  const places: Places = {
    gatewayPort: port,
    gatewaySocket: socket,
    name: NAME,
    folder,
    // The port in the files of mkrdp, which the lab does not use.
    port: 1,
    ...{ gatewayCa: '', cert: '', key: '', certAndKey: '' },
  };
  const settings = join(folder, 'rdgw.yaml');
  writeFileSync(settings, fillIn(readRecipe(file), places, edits));
  const gateway = await startGatewayProcess(lab, ['--config', settings], { listen: false });
  return { ...gateway, port, socket };
}

/** Starts the proxy of a recipe and waits until it answers. */
export async function startProxy(
  lab: Lab,
  authority: Authority,
  recipe: Recipe,
  gateway: GatewayBehind,
  edits: readonly Edit[] = [],
): Promise<RunningProxy> {
  const { program } = recipe;
  const folder = makeFolder(lab, 'proxy');
  const certificate = await authority.issue([NAME]);
  const certAndKey = join(folder, 'both.pem');
  const [cert, key] = [readFileSync(certificate.certFile), readFileSync(certificate.keyFile)];
  writeFileSync(certAndKey, Buffer.concat([cert, key]), { mode: 0o600 });
  const places: Places = {
    port: await freePort(),
    gatewayPort: gateway.port,
    gatewaySocket: gateway.socket,
    gatewayCa: gateway.caFile,
    cert: certificate.certFile,
    key: certificate.keyFile,
    certAndKey,
    name: NAME,
    folder,
  };
  const inLab = (file: string): string => join(folder, file);
  const all = [...(recipe.edits ?? []), ...edits, ...program.listen(places, inLab(recipe.file))];
  const files = [recipe.file, ...(program.main === undefined ? [] : [program.main])];
  const texts = files.map((file) => [file, readRecipe(file)] as const);
  for (const [from] of all)
    if (!texts.some(([, text]) => text.includes(from)))
      throw new Error(`${recipe.file} has no ${JSON.stringify(from)}`);
  for (const [file, text] of texts) writeFileSync(inLab(file), fillIn(text, places, all));
  const trust = [authority.caFile, gateway.caFile];
  const ca = trust.map((one) => readFileSync(one, 'utf8')).join('');
  const [command, ...args] = program.command(inLab(program.main ?? recipe.file), places);
  const child = await startChild(lab, command, args, {
    cwd: folder,
    env: { HOME: folder },
    ready: () => answers(places.port, ca),
  });
  return { recipe, gateway, host: NAME, port: places.port, trust, ca, child };
}

/** Whether a request gets an answer, whatever it is, with a trusted certificate. Who answers depends on the recipe. */
function answers(port: number, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', servername: NAME, ca });
    const done = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(ANSWER_LIMIT_MS, () => done(false));
    socket.once('secureConnect', () => socket.write(`GET /healthz HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`));
    socket.once('data', (bytes: Buffer) => done(bytes.toString('latin1').startsWith('HTTP/1.1 ')));
    socket.once('error', () => done(false)).once('close', () => done(false));
  });
}
