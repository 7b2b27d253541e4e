// A whole tunnel without a socket: the client's and the gateway's side talk through two arrays.
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

/** Carries out what the gateway wants: this one takes every token and every target. */
function carryOut(effects) {
  for (const effect of effects) {
    if (effect.do === 'send') {
      show('<', effect.pdu);
      toGateway(client.receive(effect.pdu));
    } else if (effect.do === 'authenticate') carryOut(gateway.answer({ allow: true }, 0));
    else if (effect.do === 'connect') carryOut(gateway.connected(0));
    else if (effect.do === 'deliver') process.stdout.write(`  the target gets ${effect.bytes.length} bytes\n`);
  }
}

function toGateway(effects) {
  for (const effect of effects) {
    if (effect.do === 'opened') client.wrap(Buffer.from('hello'), (pdu) => carryOut(gateway.receive(pdu, 0)));
    if (effect.do !== 'send') continue;
    show('>', effect.pdu);
    carryOut(gateway.receive(effect.pdu, 0));
  }
}

toGateway(client.start());
