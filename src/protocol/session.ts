import { peekHeader } from './codec.js';
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
import { SUPPORTED_CAPABILITIES, SUPPORTED_EXTENDED_AUTH, VERSION } from './offer.js';
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
import { asFailure, expectedRequest, refusal } from './refusal.js';
import { refusedHandshake, requestedToken } from './requests.js';

/** Largest number of bytes passed to the framer at once, well below MAX_WAITING. */
const SLICE = 64 * 1024;

/**
 * The gateway's side of one tunnel without I/O (MS-TSGU 3.3). Its methods take bytes, answers and times, and return
 * effects, which the driver has to carry out in order. All times are in milliseconds on one monotonic clock. Errors of
 * the client do not throw; they end the session with an `end` effect. After the end, every method returns no effects.
 */
export class GatewaySession {
  readonly #options: SessionOptions;
  readonly #framer = new Framer();
  readonly #data = new DataUnwrapper();
  #state: FlowState = 'start';
  /** The answer that the session waits for: `answer` for the identity, `connected` or `failed` for the target. */
  #pendingAnswer: 'identity' | 'target' | undefined;
  #ended = false;
  #extendedAuth = 0;
  #capabilities = 0;
  #clientName: string | undefined;
  /** Set while the gateway closes the session and waits for the client's CLOSE_CHANNEL_RESPONSE. */
  #closing: EndCause | undefined;
  readonly #deadlines = new Deadlines<'identity' | 'setup' | 'keepAlive' | 'close' | 'until'>();
  #timerAt: number | undefined;
  #effects: Effect[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#deadlines.set('identity', options.now + options.timeouts.identity);
    this.#deadlines.set('setup', options.now + options.timeouts.setup);
  }

  /** The current state of the connection. */
  get state(): FlowState {
    return this.#state;
  }

  /** Whether the session has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the session waits for an answer of the driver, which should not read from the client meanwhile. */
  get paused(): boolean {
    return this.#pendingAnswer !== undefined;
  }

  /**
   * The client name from TUNNEL_AUTH, undefined before it. It is not authenticated and has to be escaped for output.
   */
  get clientName(): string | undefined {
    return this.#clientName;
  }

  /** Why the gateway is closing the session, undefined while it is not. */
  get closing(): EndCause | undefined {
    return this.#closing;
  }

  /** Whether the channel is open, so that `wrap` may be called. */
  get open(): boolean {
    return this.#state === 'channel' && !this.#ended;
  }

  /** Starts the session on a connected transport. Returns the first timer. */
  start(): Effect[] {
    return this.#flush();
  }

  /**
   * Processes bytes from the client, in chunks of any size. The session takes over the buffer: it moves payload inside
   * it, and `deliver` effects are views of it.
   */
  receive(bytes: Buffer, now: number): Effect[] {
    if (this.#ended) return [];
    this.#endOnError(() => {
      if (bytes.length <= SLICE) return this.#receiveSlice(bytes, now);
      // MAX_WAITING limits what a client sends ahead of an answer. Slices keep one large read from exceeding it.
      for (let at = 0; at < bytes.length; at += SLICE) this.#receiveSlice(bytes.subarray(at, at + SLICE), now);
    });
    return this.#flush();
  }

  /**
   * Answers an `authenticate` effect. INVARIANT: only this method with `allow: true` leads to a successful
   * TUNNEL_RESPONSE. Does nothing if no such answer is pending.
   */
  answer(answer: Answer, now: number): Effect[] {
    if (this.#pendingAnswer !== 'identity' || this.#ended) return [];
    this.#pendingAnswer = undefined;
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

  /** Answers a `connect` effect: the target is connected. Does nothing if no such answer is pending. */
  connected(now: number): Effect[] {
    if (this.#pendingAnswer !== 'target' || this.#ended) return [];
    this.#pendingAnswer = undefined;
    this.#deadlines.clear('setup');
    this.#deadlines.set('keepAlive', now + this.#options.timeouts.keepAlive);
    this.#send(CHANNEL_RESPONSE.encode({ errorCode: RESULT.SUCCESS, channelId: this.#options.nextChannelId() }));
    return this.#resume(now);
  }

  /**
   * Answers a `connect` effect: no target could be connected. The client receives the result code `code` in its HRESULT
   * form, and the session ends. Does nothing if no such answer is pending.
   */
  failed(code: number): Effect[] {
    if (this.#pendingAnswer !== 'target' || this.#ended) return [];
    this.#pendingAnswer = undefined;
    this.#refuse(code);
    return this.#flush();
  }

  /**
   * Calls `emit` with DATA PDUs that carry `bytes` of the target. Does nothing unless `open`. A driver that writes DATA
   * PDUs into its own buffers can use `writeDataHeader` instead, while `open`.
   */
  wrap(bytes: Buffer, emit: (pdu: Buffer) => void): void {
    if (this.open) wrapData(bytes, emit);
  }

  /**
   * Reports that the target's connection has ended. The driver must have wrapped all bytes of the target before. The
   * client receives CLOSE_CHANNEL with SUCCESS for `end`, and with ERROR_BAD_ARGUMENTS for `reset` and `stall`.
   */
  targetEnded(how: TargetEnd, now: number): Effect[] {
    const code = how === 'end' ? RESULT.SUCCESS : RESULT.ERROR_BAD_ARGUMENTS;
    if (this.open) this.#closeChannel(code, TARGET_CAUSE[how], now);
    return this.#flush();
  }

  /**
   * Ends the session. If a channel is open, CLOSE_CHANNEL with the result code `code` is sent first, and the session
   * ends with the client's response or after the `close` timeout; a second call ends it at once.
   */
  close(code: number, cause: EndCause, now: number): Effect[] {
    if (this.#ended) return [];
    if (this.open) this.#closeChannel(code, cause, now);
    else this.#end(cause, { code });
    return this.#flush();
  }

  /**
   * Handles expired deadlines. The driver calls it at the time of the last `timer` effect. A call before any deadline
   * has expired only returns the timer again.
   */
  tick(now: number): Effect[] {
    if (this.#ended) return [];
    this.#timerAt = undefined;
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
    this.#endOnError(() => this.#readPdus(now));
    return this.#flush();
  }

  #receiveSlice(bytes: Buffer, now: number): void {
    const rest = this.#framer.buffered === 0 ? this.#unwrap(bytes) : bytes;
    if (rest.length === 0) return;
    this.#framer.push(rest);
    this.#readPdus(now);
  }

  #readPdus(now: number): void {
    while (!this.#ended && this.#pendingAnswer === undefined) {
      this.#unwrapBuffered();
      const pdu = this.#framer.next();
      if (pdu === undefined) return;
      this.#handle(this.#decode(pdu), now);
    }
  }

  /**
   * Delivers the payload of well-formed DATA PDUs without using the framer and the tables, which would be slower.
   * Returns the remaining bytes, which need them.
   */
  #unwrap(bytes: Buffer): Buffer {
    if (!this.#dataExpected) return bytes;
    const { payload, rest } = this.#data.unwrap(bytes);
    // After the gateway's CLOSE_CHANNEL the client may still be in the middle of a PDU. Its payload is dropped.
    if (this.#state === 'channel' && payload.length > 0) this.#effects.push({ do: 'deliver', bytes: payload });
    return rest;
  }

  get #dataExpected(): boolean {
    return this.#state === 'channel' || this.#data.insidePdu;
  }

  /** Unwraps buffered DATA: DATA that follows a control PDU, or whose header was split between reads. */
  #unwrapBuffered(): void {
    if (!this.#dataExpected) return;
    const head = this.#framer.peek(this.#data.insidePdu ? 1 : DATA_OVERHEAD);
    if (head && this.#data.canUnwrap(head)) this.#framer.push(this.#unwrap(this.#framer.drain()));
  }

  /**
   * Decodes a PDU. A malformed PDU is refused with the response of its type if it is the request expected in this
   * state.
   */
  #decode(pdu: Buffer): Packet {
    try {
      return decode(pdu);
    } catch (error) {
      if (error instanceof PduError) this.#refuseMalformed(peekHeader(pdu)?.packetType, error);
      throw error;
    }
  }

  #refuseMalformed(type: number | undefined, error: PduError): void {
    const request = expectedRequest(this.#state, type);
    if (!request) return;
    this.#state = request.responseState;
    this.#refuse(request.code, `${packetName(request.type)} is malformed (${error.message})`);
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
        // Only PAA is supported, and it does not use EXTENDED_AUTH_MSG.
        return this.#refuse(
          RESULT.E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD,
          'the client wants to log on without a token (EXTENDED_AUTH_MSG)',
        );
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
        // If both sides closed at the same time, the channel is already closed and the response is ignored.
        return before === 'closing-by-gateway' ? this.#channelClosed(now) : undefined;
      default:
        // KEEPALIVE must not be answered (FreeRDP echoes each one). DATA gets here only after CLOSE_CHANNEL and is
        // dropped.
        return;
    }
  }

  #handshake(fields: PacketFields<'HANDSHAKE_REQUEST'>): void {
    this.#extendedAuth = fields.extendedAuth;
    const refused = refusedHandshake(fields);
    if (refused) return this.#refuse(refused.code, refused.detail);
    const offer = { ...VERSION, serverVersion: 0, extendedAuth: SUPPORTED_EXTENDED_AUTH };
    this.#send(HANDSHAKE_RESPONSE.encode({ errorCode: RESULT.SUCCESS, ...offer }));
  }

  #createTunnel(fields: PacketFields<'TUNNEL_CREATE'>): void {
    this.#capabilities = fields.capsFlags & SUPPORTED_CAPABILITIES;
    const token = requestedToken(fields, this.#extendedAuth);
    if (typeof token !== 'string') return this.#refuse(token.code, token.detail);
    this.#pendingAnswer = 'identity';
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
      const detail = `the client asked for channel protocol ${protocol}, RDP is ${CHANNEL_PROTOCOL_RDP}`;
      return this.#refuse(RESULT.E_PROXY_NOTSUPPORTED, detail);
    }
    this.#pendingAnswer = 'target';
    // 3.1.1: the resources are tried in order, then the alternates.
    this.#effects.push({ do: 'connect', names: [...resources, ...altResources], port });
  }

  /**
   * Sends CLOSE_CHANNEL. The session ends with the client's response or after the `close` timeout, because FreeRDP
   * responds and then waits for the gateway to close the connection.
   */
  #closeChannel(code: number, cause: EndCause, now: number): void {
    this.#closing = cause;
    this.#deadlines.clear('keepAlive');
    this.#deadlines.set('close', now + this.#options.timeouts.close);
    this.#send(CLOSE_CHANNEL.encode({ statusCode: code }));
  }

  /**
   * The channel is closed. If the client closed it, the tunnel stays open and the client may send another
   * CHANNEL_CREATE.
   */
  #channelClosed(now: number): void {
    this.#deadlines.clear('close', 'keepAlive');
    if (this.#closing) return this.#end(this.#closing);
    this.#deadlines.set('setup', now + this.#options.timeouts.setup);
  }

  /**
   * Sends the pending response with a failure code and ends the session, so that a client that ignores the response
   * cannot continue. `detail` says why, unless an answer of the driver refused.
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
    // A pending response is always sent, so that the client can show an error instead of a lost connection.
    const response = refusal(this.#state, RESULT.E_PROXY_INTERNALERROR);
    if (response) this.#send(response);
    this.#ended = true;
    this.#deadlines.clearAll();
    this.#updateTimer();
    this.#effects.push({ do: 'end', cause, ...more });
  }

  #endOnError(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof PduError || error instanceof ProtocolError || error instanceof LimitError)) throw error;
      this.#end(error instanceof LimitError ? 'limit reached' : 'protocol error', { detail: error.message });
    }
  }

  #sessionTimeoutCode(): number {
    const supported = (this.#capabilities & HTTP_CAPABILITY_TYPE.IDLE_TIMEOUT) !== 0;
    return supported ? RESULT.E_PROXY_SESSIONTIMEOUT : RESULT.ERROR_CONNECTION_ABORTED;
  }

  #updateTimer(): void {
    const at = this.#deadlines.next;
    if (at === this.#timerAt) return;
    this.#timerAt = at;
    this.#effects.push({ do: 'timer', at });
  }

  #flush(): Effect[] {
    this.#updateTimer();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
