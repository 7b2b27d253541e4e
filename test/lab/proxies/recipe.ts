import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of the recipes. What users read is what the lab runs, with other names, paths and ports. */
const FOLDER = new URL('../../../examples/proxies/', import.meta.url);

/** What stands for the names, paths and ports of a recipe in the lab. */
export interface Places {
  /** The port of the proxy on 127.0.0.1. */
  readonly port: number;
  /** The port of the gateway on 127.0.0.1. */
  readonly gatewayPort: number;
  /** The unix socket of the gateway. */
  readonly gatewaySocket: string;
  /** The CA of the gateway, PEM. */
  readonly gatewayCa: string;
  /** The certificate of the proxy, its key, and both in one file. */
  readonly cert: string;
  readonly key: string;
  readonly certAndKey: string;
  /** The name of proxy and gateway in their certificates. */
  readonly name: string;
  /** A folder for everything that the proxy writes. */
  readonly folder: string;
}

/** Replaces a text wherever it occurs. */
export type Edit = readonly [from: string, to: string];

export function readRecipe(file: string): string {
  return readFileSync(fileURLToPath(new URL(file, FOLDER)), 'utf8');
}

/**
 * The text of a recipe with the places of the lab, after the edits.
 * @throws if it names a place that nothing stands for: the proxy would use that of the machine
 */
export function fillIn(recipe: string, places: Places, edits: readonly Edit[] = []): string {
  let text = recipe;
  for (const [from, to] of [...edits, ...standIns(places)]) text = text.replaceAll(from, to);
  const left = REAL_PLACE.exec(withoutComments(text).replaceAll(places.folder, ''));
  if (left !== null) throw new Error(`nothing stands for ${JSON.stringify(left[0])} in the recipe`);
  return text;
}

/** Paths come before the name that they contain. */
function standIns(places: Places): readonly Edit[] {
  return [
    ['/etc/ssl/certs/gw.example.com.pem', places.cert],
    ['/etc/ssl/private/gw.example.com.key', places.key],
    ['/etc/haproxy/gw.example.com.pem', places.certAndKey],
    ['/etc/ssl/certs/rdgw-ca.pem', places.gatewayCa],
    ['/run/rdgw/rdgw.sock', places.gatewaySocket],
    ['/run/nginx.pid', `${places.folder}/nginx.pid`],
    ['/var/log/nginx/', `${places.folder}/`],
    ['127.0.0.1:8443', `127.0.0.1:${places.gatewayPort}`],
    ['gw.example.com:443', `${places.name}:${places.port}`],
    ['gw.example.com', places.name],
  ];
}

/** Names, ports and paths of a real installation. The modules of nginx are those of its package. */
const REAL_PLACE = /\S*(?:example\.com|\b8?443\b|\/var\/|\/run\/|\/etc\/(?!nginx\/modules-enabled\/))\S*/;

function withoutComments(text: string): string {
  return text.replace(/(^|[ \t])#.*$/gm, '');
}
