/** RPC between two processes over any message transport: calls with an answer, and notifications without one. */

/** One message. Received values of any other shape are not from this module, and are ignored. */
export type Message =
  | { readonly rdgw: 'notify'; readonly name: string; readonly body: unknown }
  | { readonly rdgw: 'call'; readonly id: number; readonly name: string; readonly body: unknown }
  | { readonly rdgw: 'answer'; readonly id: number; readonly body: unknown; readonly failed?: string };

/**
 * The other side answers at once unless it hangs. After this time the call fails, and what depends on the answer is
 * denied.
 */
export const CALL_TIMEOUT_MS = 3_000;

export interface CallOptions {
  /** For calls that take longer than `CALL_TIMEOUT_MS`. */
  readonly timeoutMs?: number;
  /** Gets an answer that arrives after the timeout, to undo what it granted. */
  readonly onLateAnswer?: (body: never) => void;
}

interface PendingCall {
  readonly settle: (message: Message & { rdgw: 'answer' }) => void;
}

export class Rpc {
  readonly #send: (message: Message) => void;
  // biome-ignore lint/suspicious/noExplicitAny: each name has its own type of body, which both ends know.
  readonly #handlers = new Map<string, (body: any) => unknown>();
  /**
   * Needs no cap: each call belongs to a connection or a command. A timeout removes it, unless it has `onLateAnswer`.
   */
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;
  #closed = false;

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** Sets the handler of messages with this name. Its result, or what it resolves to, is the answer to a call. */
  on<Body>(name: string, handle: (body: Body) => unknown): void {
    this.#handlers.set(name, handle);
  }

  /** Whether the other side has ended. */
  get isClosed(): boolean {
    return this.#closed;
  }

  notify(name: string, body?: unknown): void {
    if (!this.#closed) this.#send({ rdgw: 'notify', name, body });
  }

  /** Rejects if the other side fails, ends or does not answer in time. */
  call<Answer>(name: string, body?: unknown, options: CallOptions = {}): Promise<Answer> {
    const { timeoutMs = CALL_TIMEOUT_MS, onLateAnswer } = options;
    const id = ++this.#lastId;
    return new Promise<Answer>((resolve, reject) => {
      if (this.#closed) return reject(new Error('the other process is gone'));
      let isWaiting = true;
      const timer = setTimeout(() => {
        isWaiting = false;
        if (onLateAnswer === undefined) this.#pending.delete(id);
        reject(new Error(`no answer to ${name}`));
      }, timeoutMs);
      this.#pending.set(id, {
        settle: (message) => {
          clearTimeout(timer);
          this.#pending.delete(id);
          if (message.failed !== undefined) reject(new Error(message.failed));
          else if (isWaiting) resolve(message.body as Answer);
          else onLateAnswer?.(message.body as never);
        },
      });
      this.#send({ rdgw: 'call', id, name, body });
    });
  }

  async receive(received: unknown): Promise<void> {
    if (this.#closed || !isMessage(received)) return;
    if (received.rdgw === 'answer') return this.#pending.get(received.id)?.settle(received);
    const handle = this.#handlers.get(received.name);
    if (received.rdgw === 'notify') return void handle?.(received.body);
    const { id, name } = received;
    try {
      if (!handle) throw new Error(`no handler for ${name}`);
      this.#answer({ rdgw: 'answer', id, body: await handle(received.body) });
    } catch (error) {
      this.#answer({ rdgw: 'answer', id, body: undefined, failed: (error as Error).message });
    }
  }

  /** The other side has ended: nothing is sent or received any more, and all pending calls reject. */
  close(): void {
    this.#closed = true;
    for (const [id, { settle }] of this.#pending) {
      settle({ rdgw: 'answer', id, body: undefined, failed: 'the other process is gone' });
    }
  }

  #answer(message: Message): void {
    if (!this.#closed) this.#send(message);
  }
}

function isMessage(received: unknown): received is Message {
  return typeof received === 'object' && received !== null && 'rdgw' in received;
}
