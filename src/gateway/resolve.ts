/** The system's resolver, asked once for a name however many sessions want it at the same time. */
import { lookup } from 'node:dns/promises';

/** Addresses of a name in the system's order; rejects when there is none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

const ofTheSystem: Lookup = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/** A look-up cannot be taken back and holds a thread until it ends: nobody may hold many of them with one name. */
export function sharedLookup(ask: Lookup = ofTheSystem): Lookup {
  const underWay = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    const other = underWay.get(host);
    if (other) return other;
    const own = ask(host).finally(() => underWay.delete(host));
    underWay.set(host, own);
    return own;
  };
}
