/**
 * A client session and a gateway session joined without sockets, under a virtual clock. Bytes travel only when the test
 * says so, in the chunks it says, and the driver does what a real one does: it answers questions, keeps one timer, carries a
 * target's bytes.
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
  /** The verdict on a token; undefined leaves the question open. */
  readonly authenticate?: (token: string) => Answer | undefined;
  /** Whether a name can be dialled: true, a result code, or undefined for not yet. */
  readonly dial?: (names: readonly string[]) => true | number | undefined;
  /** Largest chunk in which bytes travel; whole PDUs by default. */
  readonly chunk?: number;
}

/** Something that was put on the wire, with the time and who put it there. */
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
  /** What arrived at the target, and what the client's application got. */
  readonly atTarget: Buffer[] = [];
  readonly atApplication: Buffer[] = [];
  readonly #options: PairOptions;
  readonly #toGateway: Buffer[] = [];
  readonly #toClient: Buffer[] = [];
  #wakeAt: number | undefined;

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

  /** Both transports are up, and everything that follows from it has happened. */
  start(): this {
    this.carryOut(this.gateway.start());
    this.act((client) => client.start());
    return this.settle();
  }

  /** Moves bytes until none is under way. */
  settle(): this {
    while (this.#toGateway.length > 0 || this.#toClient.length > 0) {
      this.moveToGateway();
      this.moveToClient();
    }
    return this;
  }

  /** Bytes from the client arrive; those of the gateway stay under way. */
  moveToGateway(): void {
    for (const chunk of this.#chunks(this.#toGateway)) this.carryOut(this.gateway.receive(chunk, this.now));
  }

  moveToClient(): void {
    for (const chunk of this.#chunks(this.#toClient)) this.act((client) => client.receive(chunk));
  }

  /** Time passes; the gateway is ticked at the times it asked for and at no other. */
  pass(milliseconds: number): this {
    const end = this.now + milliseconds;
    while (this.#wakeAt !== undefined && this.#wakeAt <= end) {
      this.now = Math.max(this.now, this.#wakeAt);
      this.#wakeAt = undefined;
      this.carryOut(this.gateway.tick(this.now));
      this.settle();
    }
    this.now = end;
    return this;
  }

  /** Bytes of the target on their way to the client. */
  fromTarget(bytes: Buffer): void {
    this.gateway.wrap(bytes, (pdu) => this.#put('gateway', pdu));
  }

  /** Bytes of the application on their way to the target. */
  fromApplication(bytes: Buffer): void {
    this.client.wrap(bytes, (pdu) => this.#put('client', pdu));
  }

  /** Something the client does of itself. */
  act(what: (client: ClientSession) => readonly ClientEffect[]): void {
    for (const effect of what(this.client)) {
      this.clientEffects.push(effect);
      if (effect.do === 'send') this.#put('client', effect.pdu);
      if (effect.do === 'deliver') this.atApplication.push(effect.bytes);
    }
  }

  /** What a gateway's driver does with effects. */
  carryOut(effects: readonly Effect[]): void {
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
          this.#wakeAt = effect.at;
          break;
        default:
          break;
      }
    }
  }

  #answer(token: string): void {
    const answer = this.#options.authenticate ? this.#options.authenticate(token) : { allow: true as const };
    if (answer) this.carryOut(this.gateway.answer(answer, this.now));
  }

  #dial(names: readonly string[]): void {
    const outcome = this.#options.dial ? this.#options.dial(names) : true;
    if (outcome === undefined) return;
    this.carryOut(outcome === true ? this.gateway.connected(this.now) : this.gateway.failed(outcome));
  }

  #put(side: Side, pdu: Buffer): void {
    this.wire.push({ at: this.now, side, packet: decode(pdu) });
    (side === 'client' ? this.#toGateway : this.#toClient).push(pdu);
  }

  /** Takes what is under way, as whole PDUs or in chunks of the size asked for. */
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
