// The combinations that are measured: each relay with each of its transports, in each version of Node.
import { SetupError } from '../debian.js';

/** `relay` is the key in relays.js, `transport` the one of the clients, `inNode` is set for relays that run in Node. */
const KINDS = {
  gateway: { relay: 'gateway', transport: 'websocket', inNode: true, title: 'rdgw' },
  dual: { relay: 'gateway', transport: 'dual', inNode: true, title: 'rdgw, dual channel' },
  crossed: { relay: 'crossed', transport: 'dual', inNode: true, title: 'rdgw, IN across' },
  pipe: { relay: 'pipe', transport: 'plain', inNode: true, title: 'Node TLS pipe' },
  haproxy: { relay: 'haproxy', transport: 'plain', inNode: false, title: 'haproxy TLS' },
  raw: { relay: 'raw', transport: 'plain', inNode: false, title: 'no relay, TLS in C' },
};

/**
 * Columns with the same `process` share one relay process. Only those of the Node that runs the benchmark have the
 * plain kind as `key`, which goals and ratios refer to.
 */
export function columnsFor(relays, nodes) {
  return relays.flatMap((kind) => {
    if (!(kind in KINDS))
      throw new SetupError(`there is no relay "${kind}"; there are ${Object.keys(KINDS).join(', ')}`);
    const { inNode, title, ...rest } = KINDS[kind];
    const used = inNode ? nodes : nodes.slice(0, 1);
    return used.map(({ node, label, own }) => ({
      ...rest,
      kind,
      node,
      key: own ? kind : `${kind}@${label}`,
      name: own || !inNode ? title : `${title}, ${label}`,
      process: inNode ? `${rest.relay}@${node}` : rest.relay,
    }));
  });
}
