// Who is measured: each relay, in each Node where it runs in one, spoken to in each of its transports.
import { SetupError } from '../debian.js';

/** `relay` starts it (relays.js), `transport` is what clients speak, `inNode` whether the version of Node matters. */
const KINDS = {
  gateway: { relay: 'gateway', transport: 'websocket', inNode: true, title: 'rdgw' },
  dual: { relay: 'gateway', transport: 'dual', inNode: true, title: 'rdgw, dual channel' },
  crossed: { relay: 'crossed', transport: 'dual', inNode: true, title: 'rdgw, IN across' },
  pipe: { relay: 'pipe', transport: 'plain', inNode: true, title: 'Node TLS pipe' },
  haproxy: { relay: 'haproxy', transport: 'plain', inNode: false, title: 'haproxy TLS' },
  raw: { relay: 'raw', transport: 'plain', inNode: false, title: 'no relay, TLS in C' },
};

/** `process` is the same for columns that share one. Only those of this Node have the bare `key` that ratios refer to. */
export function columnsFor(relays, nodes) {
  return relays.flatMap((kind) => {
    if (!(kind in KINDS))
      throw new SetupError(`there is no relay "${kind}"; there are ${Object.keys(KINDS).join(', ')}`);
    const { inNode, title, ...how } = KINDS[kind];
    const among = inNode ? nodes : nodes.slice(0, 1);
    return among.map(({ node, label, own }) => ({
      ...how,
      kind,
      node,
      key: own ? kind : `${kind}@${label}`,
      name: own || !inNode ? title : `${title}, ${label}`,
      process: inNode ? `${how.relay}@${node}` : how.relay,
    }));
  });
}
