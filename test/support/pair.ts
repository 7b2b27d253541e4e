/**
 * A client session and a gateway session, connected without sockets and with a virtual clock. The test controls when
 * bytes are delivered and in which chunks. Like a real driver, `Pair` answers authentication and connect requests,
 * keeps one timer, and delivers the bytes of the target.
 */
import {
  type Answer,
  type ClientEffect,
  type ClientOptions,
  ClientSession,
  decode,
  type Effect,
  GatewaySession,
  type Packet,
  type SessionTimeouts,
  type Side,
} from '../../src/protocol/index.js';

export interface PairOptions {
  readonly client?: Partial<ClientOptions>;
  readonly timeouts?: Partial<SessionTimeouts>;
  /** The verdict on a token. With undefined the request remains pending. */
  readonly authenticate?: (token: string) => Answer | undefined;
  /** The result of connecting to a target: true, a result code on failure, or undefined while it is pending. */
  readonly dial?: (names: readonly string[]) => true | number | undefined;
  /** The size of the chunks in which bytes are delivered. By default each PDU is one chunk. */
  readonly chunk?: number;
}

/** A sent PDU with time and sender. */
export interface Sent {
  readonly at: number;
  readonly side: Side;
  readonly packet: Packet;
}

export class Pair {
  /** In milliseconds. */
  now = 0;
  readonly gateway: GatewaySession;
  readonly client: ClientSession;
  /** Every PDU in the order in which it was sent. */
  readonly wire: Sent[] = [];
  readonly gatewayEffects: Effect[] = [];
  readonly clientEffects: ClientEffect[] = [];
  /** The bytes that were delivered to the target and to the client application. */
  readonly atTarget: Buffer[] = [];
  readonly atApplication: Buffer[] = [];
  readonly #options: PairOptions;
  readonly #toGateway: Buffer[] = [];
  readonly #toClient: Buffer[] = [];
  #timerAt: number | undefined;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    const timeouts = { identity: 120_000, setup: 120_000, keepAlive: 30_000, close: 5_000, ...options.timeouts };
    let channelId = 0;
    this.gateway = new GatewaySession({ timeouts, tunnelId: 6, nextChannelId: () => ++channelId, now: 0 });
    this.client = new ClientSession({
      token: 'secret',
      clientName: 'pc',
      resources: ['desktop.example'],
      port: 3389,
      ...options.client,
    });
  }

  /** Starts both sessions and delivers bytes until none are in flight. */
  start(): this {
    this.applyEffects(this.gateway.start());
    this.act((client) => client.start());
    return this.settle();
  }

  /** Delivers bytes in both directions until none are in flight. */
  settle(): this {
    while (this.#toGateway.length > 0 || this.#toClient.length > 0) {
      this.moveToGateway();
      this.moveToClient();
    }
    return this;
  }

  /** Delivers the bytes of the client. Those of the gateway remain in flight. */
  moveToGateway(): void {
    for (const chunk of this.#chunks(this.#toGateway)) this.applyEffects(this.gateway.receive(chunk, this.now));
  }

  moveToClient(): void {
    for (const chunk of this.#chunks(this.#toClient)) this.act((client) => client.receive(chunk));
  }

  /** Advances the clock. The gateway is ticked exactly at the times of its timer effects. */
  advance(milliseconds: number): this {
    const end = this.now + milliseconds;
    while (this.#timerAt !== undefined && this.#timerAt <= end) {
      this.now = Math.max(this.now, this.#timerAt);
      this.#timerAt = undefined;
      this.applyEffects(this.gateway.tick(this.now));
      this.settle();
    }
    this.now = end;
    return this;
  }

  /** Sends bytes from the target to the client. */
  fromTarget(bytes: Buffer): void {
    this.gateway.wrap(bytes, (pdu) => this.#put('gateway', pdu));
  }

  /** Sends bytes from the client application to the target. */
  fromApplication(bytes: Buffer): void {
    this.client.wrap(bytes, (pdu) => this.#put('client', pdu));
  }

  /** Calls a method of the client session and applies its effects. */
  act(method: (client: ClientSession) => readonly ClientEffect[]): void {
    for (const effect of method(this.client)) {
      this.clientEffects.push(effect);
      if (effect.do === 'send') this.#put('client', effect.pdu);
      if (effect.do === 'deliver') this.atApplication.push(effect.bytes);
    }
  }

  /** Applies effects of the gateway session as its driver does. */
  applyEffects(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.gatewayEffects.push(effect);
      switch (effect.do) {
        case 'send':
          this.#put('gateway', effect.pdu);
          break;
        case 'authenticate':
          this.#answer(effect.token);
          break;
        case 'connect':
          this.#dial(effect.names);
          break;
        case 'deliver':
          this.atTarget.push(effect.bytes);
          break;
        case 'timer':
          this.#timerAt = effect.at;
          break;
        default:
          break;
      }
    }
  }

  #answer(token: string): void {
    const answer = this.#options.authenticate ? this.#options.authenticate(token) : { allow: true as const };
    if (answer) this.applyEffects(this.gateway.answer(answer, this.now));
  }

  #dial(names: readonly string[]): void {
    const outcome = this.#options.dial ? this.#options.dial(names) : true;
    if (outcome === undefined) return;
    this.applyEffects(outcome === true ? this.gateway.connected(this.now) : this.gateway.failed(outcome));
  }

  #put(side: Side, pdu: Buffer): void {
    this.wire.push({ at: this.now, side, packet: decode(pdu) });
    (side === 'client' ? this.#toGateway : this.#toClient).push(pdu);
  }

  /** Takes all bytes of a queue, as whole PDUs or in chunks of `PairOptions.chunk`. */
  #chunks(queue: Buffer[]): Buffer[] {
    const pdus = queue.splice(0);
    const { chunk } = this.#options;
    if (chunk === undefined) return pdus;
    const bytes = Buffer.concat(pdus);
    return Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, index) =>
      bytes.subarray(index * chunk, (index + 1) * chunk),
    );
  }
}
