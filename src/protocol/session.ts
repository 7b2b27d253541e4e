/**
 * The gateway's side of one tunnel without I/O: bytes, answers and time go in, effects come out (MS-TSGU 3.3). The driver
 * carries the effects out in order. Times are milliseconds of one clock that never goes back.
 */
import { CHANNEL_PROTOCOL_RDP, HTTP_CAPABILITY_TYPE, PKT_TYPE, packetName, REDIR, RESULT } from './codes.js';
import { DATA_OVERHEAD, DataUnwrapper, wrapData } from './data.js';
import { Deadlines } from './deadlines.js';
import {
  type Answer,
  type Effect,
  type EndCause,
  type SessionOptions,
  TARGET_CAUSE,
  type TargetEnd,
} from './effects.js';
import { LimitError, PduError, ProtocolError } from './errors.js';
import { type FlowState, step } from './flow.js';
import { Framer } from './framer.js';
import { OUR_CAPABILITIES, OUR_EXTENDED_AUTH, VERSION } from './offer.js';
import {
  CHANNEL_RESPONSE,
  CLOSE_CHANNEL,
  CLOSE_CHANNEL_RESPONSE,
  decode,
  HANDSHAKE_RESPONSE,
  KEEPALIVE,
  type Packet,
  type PacketFields,
  TUNNEL_AUTH_RESPONSE,
  TUNNEL_RESPONSE,
} from './packets.js';
import { peekHeader } from './pdu.js';
import { asFailure, dueRequest, refusal } from './refusal.js';
import { refusedHandshake, requestedToken } from './requests.js';

/** Bytes framed at a time, well below MAX_WAITING. */
const SLICE = 64 * 1024;

export class GatewaySession {
  readonly #options: SessionOptions;
  readonly #framer = new Framer();
  readonly #data = new DataUnwrapper();
  #state: FlowState = 'start';
  /** Set while the driver owes an answer. */
  #asked: 'identity' | 'target' | undefined;
  #ended = false;
  #extendedAuth = 0;
  #capabilities = 0;
  #clientName: string | undefined;
  /** Set while the gateway ends the session and waits for the client's CLOSE_CHANNEL_RESPONSE. */
  #closing: EndCause | undefined;
  readonly #deadlines = new Deadlines<'identity' | 'setup' | 'keepAlive' | 'close' | 'until'>();
  #wakeAt: number | undefined;
  #effects: Effect[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#deadlines.set('identity', options.now + options.timeouts.identity);
    this.#deadlines.set('setup', options.now + options.timeouts.setup);
  }

  get state(): FlowState {
    return this.#state;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether an answer is awaited; the driver stops reading from the client meanwhile. */
  get paused(): boolean {
    return this.#asked !== undefined;
  }

  /** The machine's name as TUNNEL_AUTH gave it: unproven, and hostile until printed with care. */
  get clientName(): string | undefined {
    return this.#clientName;
  }

  /** Why the gateway is about to end the session; undefined while it is not. */
  get closing(): EndCause | undefined {
    return this.#closing;
  }

  /** Whether the channel is open, so that bytes of the target may be wrapped. */
  get open(): boolean {
    return this.#state === 'channel' && !this.#ended;
  }

  /** The transport is up; sets the first timer. */
  start(): Effect[] {
    return this.#flush();
  }

  /** Bytes from the client, in any split. They are the session's from now on: payload is moved together within them. */
  receive(bytes: Buffer, now: number): Effect[] {
    if (this.#ended) return [];
    this.#guarded(() => {
      if (bytes.length <= SLICE) return this.#take(bytes, now);
      // A large read must not be taken for a client that sends ahead of its answers.
      for (let at = 0; at < bytes.length; at += SLICE) this.#take(bytes.subarray(at, at + SLICE), now);
    });
    return this.#flush();
  }

  /** The verdict on the token. INVARIANT: nothing else leads to a TUNNEL_RESPONSE that says success. */
  answer(answer: Answer, now: number): Effect[] {
    if (this.#asked !== 'identity' || this.#ended) return [];
    this.#asked = undefined;
    if (!answer.allow) {
      this.#refuse(answer.code);
      return this.#flush();
    }
    if (answer.until !== undefined) this.#deadlines.set('until', answer.until);
    this.#send(
      TUNNEL_RESPONSE.encode({
        serverVersion: 0,
        statusCode: RESULT.SUCCESS,
        tunnelId: this.#options.tunnelId,
        capsFlags: this.#capabilities,
      }),
    );
    return this.#resume(now);
  }

  /** The target's connection is up. */
  connected(now: number): Effect[] {
    if (this.#asked !== 'target' || this.#ended) return [];
    this.#asked = undefined;
    this.#deadlines.clear('setup');
    this.#deadlines.set('keepAlive', now + this.#options.timeouts.keepAlive);
    this.#send(CHANNEL_RESPONSE.encode({ errorCode: RESULT.SUCCESS, channelId: this.#options.nextChannelId() }));
    return this.#resume(now);
  }

  /** No target could be opened; the client gets `code` and the session ends. */
  failed(code: number): Effect[] {
    if (this.#asked !== 'target' || this.#ended) return [];
    this.#asked = undefined;
    this.#refuse(code);
    return this.#flush();
  }

  /**
   * Bytes of the target become DATA PDUs. Only while `open`. For drivers that send whole PDUs: one that writes them into its own framing
   * uses `writeDataHeader` while `open`.
   */
  wrap(bytes: Buffer, emit: (pdu: Buffer) => void): void {
    if (this.open) wrapData(bytes, emit);
  }

  /** The target's connection is over; whatever it sent before has been wrapped. */
  targetEnded(how: TargetEnd, now: number): Effect[] {
    const code = how === 'end' ? RESULT.SUCCESS : RESULT.ERROR_BAD_ARGUMENTS;
    if (this.open) this.#closeChannel(code, TARGET_CAUSE[how], now);
    return this.#flush();
  }

  /** The gateway ends the session: an open channel is closed with `code` first. */
  close(code: number, cause: EndCause, now: number): Effect[] {
    if (this.#ended) return [];
    if (this.open) this.#closeChannel(code, cause, now);
    else this.#end(cause, { code });
    return this.#flush();
  }

  /** Time has passed. */
  tick(now: number): Effect[] {
    if (this.#ended) return [];
    this.#wakeAt = undefined;
    const due = (name: 'identity' | 'setup' | 'keepAlive' | 'close' | 'until') => this.#deadlines.due(name, now);
    if (due('close')) this.#end(this.#closing ?? 'closed by the gateway');
    else if (due('identity')) this.#end('identity timeout');
    else if (due('setup')) this.#end('set-up timeout');
    else if (due('until')) {
      this.#deadlines.clear('until');
      return this.close(this.#sessionTimeoutCode(), 'session time over', now);
    } else if (due('keepAlive')) {
      this.#deadlines.set('keepAlive', now + this.#options.timeouts.keepAlive);
      this.#send(KEEPALIVE.encode({}));
    }
    return this.#flush();
  }

  #resume(now: number): Effect[] {
    this.#guarded(() => this.#read(now));
    return this.#flush();
  }

  #take(bytes: Buffer, now: number): void {
    const rest = this.#framer.buffered === 0 ? this.#unwrap(bytes) : bytes;
    if (rest.length === 0) return;
    this.#framer.push(rest);
    this.#read(now);
  }

  #read(now: number): void {
    while (!this.#ended && this.#asked === undefined) {
      this.#unwrapWaiting();
      const pdu = this.#framer.next();
      if (pdu === undefined) return;
      this.#handle(this.#decode(pdu), now);
    }
  }

  /** The hot path: DATA in order goes past framer and tables. Returns what is left to them. */
  #unwrap(bytes: Buffer): Buffer {
    if (!this.#mayBeData) return bytes;
    const { payload, rest } = this.#data.unwrap(bytes);
    // Behind a close of ours the client may still be in the middle of a PDU; nobody gets that.
    if (this.#state === 'channel' && payload.length > 0) this.#effects.push({ do: 'deliver', bytes: payload });
    return rest;
  }

  get #mayBeData(): boolean {
    return this.#state === 'channel' || this.#data.midway;
  }

  /** DATA behind a control PDU, or whose header came in pieces. */
  #unwrapWaiting(): void {
    if (!this.#mayBeData) return;
    const head = this.#framer.peek(this.#data.midway ? 1 : DATA_OVERHEAD);
    if (head && this.#data.begins(head)) this.#framer.push(this.#unwrap(this.#framer.drain()));
  }

  /** A request that cannot be read is refused with its own response where it is the one that is due. */
  #decode(pdu: Buffer): Packet {
    try {
      return decode(pdu);
    } catch (error) {
      if (error instanceof PduError) this.#refuseUnreadable(peekHeader(pdu)?.packetType, error);
      throw error;
    }
  }

  #refuseUnreadable(type: number | undefined, error: PduError): void {
    const due = dueRequest(this.#state, type);
    if (!due) return;
    this.#state = due.owes;
    this.#refuse(due.code, error.message);
  }

  #handle(packet: Packet, now: number): void {
    const next = step(this.#state, 'client', packet);
    if (next === undefined) {
      throw new ProtocolError(
        'OUT_OF_ORDER',
        `${packetName(packet.type)} is not allowed in the state "${this.#state}"`,
      );
    }
    const before = this.#state;
    this.#state = next;
    switch (packet.type) {
      case PKT_TYPE.HANDSHAKE_REQUEST:
        return this.#handshake(packet.fields);
      case PKT_TYPE.EXTENDED_AUTH_MSG:
        // Only PAA is on offer, and it has no legs of its own.
        return this.#refuse(RESULT.E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD);
      case PKT_TYPE.TUNNEL_CREATE:
        return this.#createTunnel(packet.fields);
      case PKT_TYPE.TUNNEL_AUTH:
        return this.#authorizeTunnel(packet.fields);
      case PKT_TYPE.CHANNEL_CREATE:
        return this.#createChannel(packet.fields);
      case PKT_TYPE.CLOSE_CHANNEL:
        this.#effects.push({ do: 'disconnect' });
        this.#send(CLOSE_CHANNEL_RESPONSE.encode({ statusCode: RESULT.SUCCESS }));
        return this.#channelClosed(now);
      case PKT_TYPE.CLOSE_CHANNEL_RESPONSE:
        // A late answer to a close that crossed with the client's own says nothing new.
        return before === 'closing-by-gateway' ? this.#channelClosed(now) : undefined;
      default:
        // KEEPALIVE is never answered (FreeRDP echoes each one); whole DATA comes here only behind a close, and is dropped.
        return;
    }
  }

  #handshake(fields: PacketFields<'HANDSHAKE_REQUEST'>): void {
    this.#extendedAuth = fields.extendedAuth;
    const no = refusedHandshake(fields);
    if (no) return this.#refuse(no.code, no.detail);
    const offer = { ...VERSION, serverVersion: 0, extendedAuth: OUR_EXTENDED_AUTH };
    this.#send(HANDSHAKE_RESPONSE.encode({ errorCode: RESULT.SUCCESS, ...offer }));
  }

  #createTunnel(fields: PacketFields<'TUNNEL_CREATE'>): void {
    this.#capabilities = fields.capsFlags & OUR_CAPABILITIES;
    const token = requestedToken(fields, this.#extendedAuth);
    if (typeof token !== 'string') return this.#refuse(token.code, token.detail);
    this.#asked = 'identity';
    this.#deadlines.clear('identity');
    this.#effects.push({ do: 'authenticate', token });
  }

  #authorizeTunnel({ clientName }: PacketFields<'TUNNEL_AUTH'>): void {
    this.#clientName = clientName;
    this.#send(
      TUNNEL_AUTH_RESPONSE.encode({ errorCode: RESULT.SUCCESS, redirFlags: REDIR.ENABLE_ALL, idleTimeout: 0 }),
    );
  }

  #createChannel({ protocol, port, resources, altResources }: PacketFields<'CHANNEL_CREATE'>): void {
    if (protocol !== CHANNEL_PROTOCOL_RDP) {
      return this.#refuse(RESULT.E_PROXY_NOTSUPPORTED, `channel protocol ${protocol}`);
    }
    this.#asked = 'target';
    // 3.1.1: resources in order, then the alternates.
    this.#effects.push({ do: 'connect', names: [...resources, ...altResources], port });
  }

  /**
   * Closes the channel from our side. The session ends with the client's answer, or without it after a while: FreeRDP answers
   * and then just waits for the connection to end.
   */
  #closeChannel(code: number, cause: EndCause, now: number): void {
    this.#closing = cause;
    this.#deadlines.clear('keepAlive');
    this.#deadlines.set('close', now + this.#options.timeouts.close);
    this.#send(CLOSE_CHANNEL.encode({ statusCode: code }));
  }

  /** The client closed the channel: the tunnel stays, and a second CHANNEL_CREATE is welcome. */
  #channelClosed(now: number): void {
    this.#deadlines.clear('close', 'keepAlive');
    if (this.#closing) return this.#end(this.#closing);
    this.#deadlines.set('setup', now + this.#options.timeouts.setup);
  }

  /**
   * Answers the request that is due with a failure and ends the session: clients that ignore the answer must find nobody
   * listening.
   */
  #refuse(code: number, detail?: string): void {
    const failure = asFailure(code);
    const response = refusal(this.#state, failure);
    if (response) this.#send(response);
    this.#end('refused', { code: failure, ...(detail === undefined ? {} : { detail }) });
  }

  #send(pdu: Buffer): void {
    const next = step(this.#state, 'gateway', decode(pdu));
    if (next === undefined) {
      throw new Error(`the gateway may not send ${packetName(peekHeader(pdu)?.packetType ?? 0)} in "${this.#state}"`);
    }
    this.#state = next;
    this.#effects.push({ do: 'send', pdu });
  }

  #end(cause: EndCause, more: { readonly code?: number; readonly detail?: string } = {}): void {
    if (this.#ended) return;
    // A client that waits for an answer gets one, whatever ended the session: silence is what users cannot explain.
    const owed = refusal(this.#state, RESULT.E_PROXY_INTERNALERROR);
    if (owed) this.#send(owed);
    this.#ended = true;
    this.#deadlines.clearAll();
    this.#announceWake();
    this.#effects.push({ do: 'end', cause, ...more });
  }

  #guarded(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof PduError || error instanceof ProtocolError || error instanceof LimitError)) throw error;
      this.#end(error instanceof LimitError ? 'limit reached' : 'protocol error', { detail: error.message });
    }
  }

  #sessionTimeoutCode(): number {
    const told = (this.#capabilities & HTTP_CAPABILITY_TYPE.IDLE_TIMEOUT) !== 0;
    return told ? RESULT.E_PROXY_SESSIONTIMEOUT : RESULT.ERROR_CONNECTION_ABORTED;
  }

  #announceWake(): void {
    const at = this.#deadlines.next;
    if (at === this.#wakeAt) return;
    this.#wakeAt = at;
    this.#effects.push({ do: 'timer', at });
  }

  #flush(): Effect[] {
    this.#announceWake();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
