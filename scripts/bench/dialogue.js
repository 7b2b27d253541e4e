// What both sides say until the channel is open, by the sans-IO sessions of the protocol package.
import * as tsgu from '../../dist/src/protocol/index.js';

const TIMEOUTS = { setup: 60_000, keepAlive: 60_000, close: 60_000 };

/** The PDUs in order, each with the side it is from: `{ from: 'client' | 'server', pdu }`. */
export function dialogue({ token, host, port }) {
  const client = new tsgu.ClientSession({ token, clientName: 'BENCH', resources: [host], port });
  const gateway = new tsgu.GatewaySession({ timeouts: TIMEOUTS, tunnelId: 1, nextChannelId: () => 1, now: 0 });
  const answers = {
    authenticate: () => gateway.answer({ allow: true }, 0),
    connect: () => gateway.connected(0),
  };
  const said = [];
  const carry = (from, effects) => {
    for (const effect of effects) {
      if (effect.do === 'send') {
        said.push({ from, pdu: effect.pdu });
        if (from === 'client') carry('server', gateway.receive(effect.pdu, 0));
        else carry('client', client.receive(effect.pdu));
      } else if (effect.do in answers) carry('server', answers[effect.do]());
    }
  };
  carry('server', gateway.start());
  carry('client', client.start());
  if (client.state !== 'channel') throw new Error(`the bench session ended in "${client.state}"`);
  return said;
}
