/** The gateway's side of a tunnel, to which anything happens at any moment. */
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
import { disturbed, happens, receives, type Step, stepsOf } from './script.js';
import { type Cut, inEverySplit } from './splits.js';
import { Views } from './views.js';
import { Witness } from './witness.js';

/** Of the number in a step: the longest time passes every deadline. */
const MS = 4;
const TARGET_ENDS = Object.keys(TARGET_CAUSE) as TargetEnd[];

export const session: Stage = {
  name: 'session',
  async seeds() {
    const tunnel = [receives(handshake()), receives(tunnelCreate()), happens('allow'), receives(tunnelAuth())];
    const channel = [...tunnel, receives(channelCreate(['a', 'b'], ['c'])), happens('connected')];
    const moving = [...channel, receives(data('hello')), receives(keepAlive()), happens('target sent', 40_000)];
    const tails = [
      [
        receives(close()),
        receives(channelCreate()),
        happens('connected'),
        receives(data('again')),
        happens('close', 0xa0),
      ],
      [receives(close()), happens('tick', 10_000), happens('tick', 40_000)],
      [happens('target ended', 0), receives(data('late')), receives(closeResponse())],
      [happens('target ended', 1), receives(close()), receives(closeResponse())],
      [happens('target ended', 2), happens('tick', 2000)],
      [
        happens('tick', 8000),
        happens('tick', 8000),
        receives(Buffer.concat([data('a'), data('b'), close(), keepAlive()])),
      ],
    ];
    return [
      ...STREAMS.filter(({ id }) => id.endsWith('-client')).map(({ id }) => captured(stream(id).pdus)),
      ...tails.map((tail) => Buffer.concat([...moving, ...tail])),
      Buffer.concat([...tunnel, receives(channelCreate()), happens('failed', 0x59dd)]),
      Buffer.concat([...tunnel.slice(0, 2), happens('deny', 5)]),
      Buffer.concat([...tunnel.slice(0, 2), happens('allow', 3), happens('tick', 3000), happens('tick', 60_000)]),
      Buffer.concat([
        ...tunnel.slice(0, 2),
        happens('allow', 20_000),
        ...channel.slice(3),
        happens('tick', 30_000),
        receives(closeResponse()),
      ]),
      Buffer.concat([receives(handshake(4)), receives(extendedAuth()), receives(tunnelCreateWithoutCookie())]),
      // All ahead of every answer.
      Buffer.concat([
        receives(Buffer.concat([handshake(), tunnelCreate(), tunnelAuth(), channelCreate(), data('x')])),
        happens('allow'),
        happens('connected'),
      ]),
    ];
  },
  damage: disturbed,
  run(input) {
    const kinds = new Set<string>();
    inEverySplit(input, (cut) => play(input, cut, kinds));
    return [...kinds];
  },
};

/** A captured client whose questions are answered as they come. */
function captured(pdus: Buffer): Buffer {
  const [hello, create, authorize, channel, ...rest] = pdusOf(pdus).map(receives) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    ...Buffer[],
  ];
  return Buffer.concat([hello, create, happens('allow'), authorize, channel, happens('connected'), ...rest]);
}

/** All that a driver would see, step by step. What arrives arrives as `cut` says. */
function play(input: Buffer, cut: Cut, kinds: Set<string>): unknown {
  const views = new Views();
  const witness = new Witness();
  const gateway = gatewaySession();
  const told: unknown[] = [];
  let now = 0;
  witness.watch('start', gateway.start(), gateway, now);
  for (const step of stepsOf(input)) {
    const { what, value, bytes } = step;
    const before = gateway.state;
    if (what === 'tick') now += value * MS;
    const pieces = what === 'receive' ? cut(bytes) : [bytes];
    const effects = pieces.flatMap((piece) => {
      const some = happen(step, piece, gateway, now);
      for (const effect of some) if (effect.do === 'deliver') views.take(effect.bytes);
      witness.watch(what, some, gateway, now);
      return some;
    });
    kinds.add(`${before} ${what} ${gateway.state} ${gateway.ended}`);
    for (const effect of effects) kinds.add(kindOf(effect));
    told.push(seen(effects), witness.wakeAt, gateway.state, gateway.clientName, gateway.closing);
  }
  return [told, views.joined()];
}

function happen(
  { what, value }: Step,
  piece: Buffer,
  gateway: ReturnType<typeof gatewaySession>,
  now: number,
): readonly Effect[] {
  switch (what) {
    case 'receive':
      return gateway.receive(piece, now);
    case 'allow':
      return gateway.answer({ allow: true, ...(value > 0 && { until: value * MS }) }, now);
    case 'deny':
      return gateway.answer({ allow: false, code: value }, now);
    case 'connected':
      return gateway.connected(now);
    case 'failed':
      return gateway.failed(value);
    case 'target ended':
      return gateway.targetEnded(TARGET_ENDS[value % TARGET_ENDS.length] as TargetEnd, now);
    case 'target sent':
      wrapped(gateway, value);
      return [];
    case 'tick':
      return gateway.tick(now);
    case 'close':
      return gateway.close(value || RESULT.SUCCESS, 'closed by the gateway', now);
  }
}

/** Bytes of the target come out as they went in, and only while the channel is open. */
function wrapped(gateway: ReturnType<typeof gatewaySession>, length: number): void {
  const bytes = Buffer.alloc(length, 'target');
  const payloads: Buffer[] = [];
  gateway.wrap(bytes, (pdu) => {
    if (!isData(pdu)) throw new Error('bytes of the target travel in something else than DATA');
    payloads.push(dataPayload(pdu));
  });
  const isRight = Buffer.concat(payloads).equals(gateway.open ? bytes : Buffer.alloc(0));
  if (!isRight || payloads.some((one) => one.length > DATA_PAYLOAD)) throw new Error('the target is not repeated');
}

/** Effects but for deliveries and timers, which may come in more pieces. */
function seen(effects: readonly Effect[]): unknown[] {
  return effects
    .filter((effect) => effect.do !== 'deliver' && effect.do !== 'timer')
    .map((effect) => (effect.do === 'send' ? effect.pdu.toString('hex') : effect));
}

function kindOf(effect: Effect): string {
  if (effect.do === 'send') return `send ${packetName(effect.pdu.readUInt16LE(0))}`;
  return effect.do === 'end' ? `end ${effect.cause}` : effect.do;
}
