import { versionOf } from './programs.js';
import { type Recipe, TRANSPORTS, type Transport } from './recipes.js';
import { echoSessions } from './session.js';
import type { ProxySite } from './site.js';
import { CLIENTS, type Client, type Mark, type Row } from './table.js';

/** A cell that failed although the recipe names no reason. */
export interface Failure {
  readonly cell: string;
  readonly error: string;
}

/** `nginx 1.22`, or `undefined` if the program is not installed. */
export async function proxyName({ program }: Recipe): Promise<string | undefined> {
  const version = await versionOf(program);
  return version === undefined ? undefined : `${program.title} ${version}`;
}

/** Tries all transports and clients through the proxy of a recipe. */
export async function measure(
  site: ProxySite,
  recipe: Recipe,
): Promise<{ readonly rows: readonly Row[]; readonly failures: readonly Failure[] }> {
  const name = await proxyName(recipe);
  if (name === undefined) throw new Error(`${recipe.program.title} is not installed`);
  const failures: Failure[] = [];
  const rows: Row[] = [];
  for (const transport of TRANSPORTS) {
    const marks = {} as Record<Client, Mark>;
    const reasons = new Set<string>();
    for (const client of CLIENTS) {
      const error = await tryClient(site, recipe, transport, client);
      marks[client] = error === undefined ? '✓' : error === 'unused' ? '–' : '✗';
      if (!(error instanceof Error)) continue;
      const reason = reasonFor(recipe, transport, client);
      if (reason === undefined)
        failures.push({
          cell: `${recipe.title}, ${transport}, ${client}`,
          error: error.message.split('\n', 1)[0] ?? '',
        });
      else reasons.add(reason);
    }
    rows.push({ file: recipe.file, proxy: name, transport, marks, reason: [...reasons].join('; ') });
  }
  return { rows, failures };
}

async function tryClient(
  site: ProxySite,
  recipe: Recipe,
  transport: Transport,
  client: Client,
): Promise<Error | 'unused' | undefined> {
  const proxy = await site.proxy(recipe);
  const run = (): Promise<void> => {
    if (client === 'one client' || client === 'six clients')
      return echoSessions(proxy, { transport, port: site.echoPort }, client === 'one client' ? 1 : 6);
    return site.showDesktop(proxy, client === 'FreeRDP 2.11' ? '2.11.7' : '3.15', transport);
  };
  // FreeRDP asks for a WebSocket by RDG_OUT_DATA only.
  if (client.startsWith('FreeRDP') && transport === 'WebSocket by GET') return 'unused';
  return run().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}

/** Why a client cannot work with this recipe, as far as that is known. */
export function reasonFor({ impossible = [] }: Recipe, transport: Transport, client: Client): string | undefined {
  return impossible.find((one) => one.transport === transport && client.startsWith(one.client ?? ''))?.reason;
}
