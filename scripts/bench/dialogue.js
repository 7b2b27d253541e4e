// The PDUs that client and gateway exchange until the channel is open, made by the sans-IO sessions.
import * as tsgu from '../../dist/src/protocol/index.js';

const TIMEOUTS = { setup: 60_000, keepAlive: 60_000, close: 60_000 };

/** The PDUs in order, each as `{ from: 'client' | 'server', pdu }`. */
export function dialogue({ token, host, port }) {
  const client = new tsgu.ClientSession({ token, clientName: 'BENCH', resources: [host], port });
  const gateway = new tsgu.GatewaySession({ timeouts: TIMEOUTS, tunnelId: 1, nextChannelId: () => 1, now: 0 });
  const answers = {
    authenticate: () => gateway.answer({ allow: true }, 0),
    connect: () => gateway.connected(0),
  };
  const pdus = [];
  const apply = (from, effects) => {
    for (const effect of effects) {
      if (effect.do === 'send') {
        pdus.push({ from, pdu: effect.pdu });
        if (from === 'client') apply('server', gateway.receive(effect.pdu, 0));
        else apply('client', client.receive(effect.pdu));
      } else if (effect.do in answers) apply('server', answers[effect.do]());
    }
  };
  apply('server', gateway.start());
  apply('client', client.start());
  if (client.state !== 'channel') throw new Error(`the bench session ended in "${client.state}"`);
  return pdus;
}
