// A complete tunnel without sockets: the PDUs of the client session are passed to the gateway session and the other way
// round.
//     node examples/sans-io.mjs
import { ClientSession, decode, GatewaySession, packetName } from 'rdgw/protocol';

const client = new ClientSession({ token: 'secret', clientName: 'PC', resources: ['desk.example'], port: 3389 });
const gateway = new GatewaySession({
  timeouts: { identity: 15_000, setup: 180_000, keepAlive: 30_000, close: 5_000 },
  tunnelId: 1,
  nextChannelId: () => 1,
  now: 0,
});

const show = (arrow, pdu) => process.stdout.write(`${arrow} ${packetName(decode(pdu).type)}\n`);

/** Applies the effects of the gateway session. This example accepts every PAA cookie and every target. */
function applyGateway(effects) {
  for (const effect of effects) {
    if (effect.do === 'send') {
      show('<', effect.pdu);
      applyClient(client.receive(effect.pdu));
    } else if (effect.do === 'authenticate') applyGateway(gateway.answer({ allow: true }, 0));
    else if (effect.do === 'connect') applyGateway(gateway.connected(0));
    else if (effect.do === 'deliver') process.stdout.write(`  the target receives ${effect.bytes.length} bytes\n`);
  }
}

/** Applies the effects of the client session. */
function applyClient(effects) {
  for (const effect of effects) {
    if (effect.do === 'opened') client.wrap(Buffer.from('hello'), (pdu) => applyGateway(gateway.receive(pdu, 0)));
    if (effect.do !== 'send') continue;
    show('>', effect.pdu);
    applyGateway(gateway.receive(effect.pdu, 0));
  }
}

applyClient(client.start());
