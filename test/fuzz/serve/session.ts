/** The gateway session, with arbitrary calls in arbitrary order. */
import {
  DATA_PAYLOAD,
  dataPayload,
  type Effect,
  isData,
  packetName,
  RESULT,
  TARGET_CAUSE,
  type TargetEnd,
} from '../../../src/protocol/index.js';
import { STREAMS, stream } from '../../capture/http/vectors.js';
import { gatewaySession } from '../../protocol/gateway.js';
import {
  channelCreate,
  close,
  closeResponse,
  data,
  extendedAuth,
  handshake,
  keepAlive,
  tunnelAuth,
  tunnelCreate,
  tunnelCreateWithoutCookie,
} from '../../protocol/requests.js';
import { pdusOf } from '../../support/wire.js';
import type { Stage } from '../stage.js';
import { SessionOracle } from './oracle.js';
import { mutateScript, receiveStep, type Step, step, stepsOf } from './script.js';
import { type Split, sameForEverySplit } from './splits.js';
import { Views } from './views.js';

/** Milliseconds per unit of a step's value. The largest value is later than every deadline. */
const MS_PER_UNIT = 4;
const TARGET_ENDS = Object.keys(TARGET_CAUSE) as TargetEnd[];

export const session: Stage = {
  name: 'session',
  async seeds() {
    const tunnel = [receiveStep(handshake()), receiveStep(tunnelCreate()), step('allow'), receiveStep(tunnelAuth())];
    const channel = [...tunnel, receiveStep(channelCreate(['a', 'b'], ['c'])), step('connected')];
    const transfer = [...channel, receiveStep(data('hello')), receiveStep(keepAlive()), step('target sent', 40_000)];
    const tails = [
      [
        receiveStep(close()),
        receiveStep(channelCreate()),
        step('connected'),
        receiveStep(data('again')),
        step('close', 0xa0),
      ],
      [receiveStep(close()), step('tick', 10_000), step('tick', 40_000)],
      [step('target ended', 0), receiveStep(data('late')), receiveStep(closeResponse())],
      [step('target ended', 1), receiveStep(close()), receiveStep(closeResponse())],
      [step('target ended', 2), step('tick', 2000)],
      [
        step('tick', 8000),
        step('tick', 8000),
        receiveStep(Buffer.concat([data('a'), data('b'), close(), keepAlive()])),
      ],
    ];
    return [
      ...STREAMS.filter(({ id }) => id.endsWith('-client')).map(({ id }) => captured(stream(id).pdus)),
      ...tails.map((tail) => Buffer.concat([...transfer, ...tail])),
      Buffer.concat([...tunnel, receiveStep(channelCreate()), step('failed', 0x59dd)]),
      Buffer.concat([...tunnel.slice(0, 2), step('deny', 5)]),
      Buffer.concat([...tunnel.slice(0, 2), step('allow', 3), step('tick', 3000), step('tick', 60_000)]),
      Buffer.concat([
        ...tunnel.slice(0, 2),
        step('allow', 20_000),
        ...channel.slice(3),
        step('tick', 30_000),
        receiveStep(closeResponse()),
      ]),
      Buffer.concat([receiveStep(handshake(4)), receiveStep(extendedAuth()), receiveStep(tunnelCreateWithoutCookie())]),
      // All PDUs are sent before the first answer.
      Buffer.concat([
        receiveStep(Buffer.concat([handshake(), tunnelCreate(), tunnelAuth(), channelCreate(), data('x')])),
        step('allow'),
        step('connected'),
      ]),
    ];
  },
  mutate: mutateScript,
  run(input) {
    const kinds = new Set<string>();
    sameForEverySplit(input, (split) => play(input, split, kinds));
    return [...kinds];
  },
};

/** A captured client, with the answers that the session requests. */
function captured(pdus: Buffer): Buffer {
  const [hello, create, authorize, channel, ...rest] = pdusOf(pdus).map(receiveStep) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    ...Buffer[],
  ];
  return Buffer.concat([hello, create, step('allow'), authorize, channel, step('connected'), ...rest]);
}

/** Plays the script. Returns all that a driver can observe, for each step. Received bytes are split by `split`. */
function play(input: Buffer, split: Split, kinds: Set<string>): unknown {
  const views = new Views();
  const oracle = new SessionOracle();
  const gateway = gatewaySession();
  const trace: unknown[] = [];
  let now = 0;
  oracle.check('start', gateway.start(), gateway, now);
  for (const step of stepsOf(input)) {
    const { action, value, bytes } = step;
    const before = gateway.state;
    if (action === 'tick') now += value * MS_PER_UNIT;
    const pieces = action === 'receive' ? split(bytes) : [bytes];
    const effects = pieces.flatMap((piece) => {
      const some = apply(step, piece, gateway, now);
      for (const effect of some) if (effect.do === 'deliver') views.add(effect.bytes);
      oracle.check(action, some, gateway, now);
      return some;
    });
    kinds.add(`${before} ${action} ${gateway.state} ${gateway.ended}`);
    for (const effect of effects) kinds.add(kindOf(effect));
    trace.push(comparable(effects), oracle.timerAt, gateway.state, gateway.clientName, gateway.closing);
  }
  return [trace, views.concat()];
}

function apply(
  { action, value }: Step,
  piece: Buffer,
  gateway: ReturnType<typeof gatewaySession>,
  now: number,
): readonly Effect[] {
  switch (action) {
    case 'receive':
      return gateway.receive(piece, now);
    case 'allow':
      return gateway.answer({ allow: true, ...(value > 0 && { until: value * MS_PER_UNIT }) }, now);
    case 'deny':
      return gateway.answer({ allow: false, code: value }, now);
    case 'connected':
      return gateway.connected(now);
    case 'failed':
      return gateway.failed(value);
    case 'target ended':
      return gateway.targetEnded(TARGET_ENDS[value % TARGET_ENDS.length] as TargetEnd, now);
    case 'target sent':
      checkWrap(gateway, value);
      return [];
    case 'tick':
      return gateway.tick(now);
    case 'close':
      return gateway.close(value || RESULT.SUCCESS, 'closed by the gateway', now);
  }
}

/** Checks that bytes of the target are wrapped unchanged, and only while the channel is open. */
function checkWrap(gateway: ReturnType<typeof gatewaySession>, length: number): void {
  const bytes = Buffer.alloc(length, 'target');
  const payloads: Buffer[] = [];
  gateway.wrap(bytes, (pdu) => {
    if (!isData(pdu)) throw new Error('bytes of the target are not in DATA');
    payloads.push(dataPayload(pdu));
  });
  const isRight = Buffer.concat(payloads).equals(gateway.open ? bytes : Buffer.alloc(0));
  if (!isRight || payloads.some((one) => one.length > DATA_PAYLOAD)) throw new Error('wrap changes the bytes');
}

/** The effects without `deliver` and `timer`, whose number depends on the split. */
function comparable(effects: readonly Effect[]): unknown[] {
  return effects
    .filter((effect) => effect.do !== 'deliver' && effect.do !== 'timer')
    .map((effect) => (effect.do === 'send' ? effect.pdu.toString('hex') : effect));
}

function kindOf(effect: Effect): string {
  if (effect.do === 'send') return `send ${packetName(effect.pdu.readUInt16LE(0))}`;
  return effect.do === 'end' ? `end ${effect.cause}` : effect.do;
}
