/** Questions, answers and tellings between two processes, over whatever carries their messages. */

/** One message; anything else that arrives is somebody else's, and passed over. */
export type Message =
  | { readonly rdgw: 'notify'; readonly name: string; readonly body: unknown }
  | { readonly rdgw: 'call'; readonly id: number; readonly name: string; readonly body: unknown }
  | { readonly rdgw: 'answer'; readonly id: number; readonly body: unknown; readonly failed?: string };

/** Whoever is asked decides at once, or is stuck: nobody waits longer, and what depends on the answer is denied. */
export const CALL_TIMEOUT_MS = 3_000;

export interface CallOptions {
  /** Milliseconds, for a question that takes its time. */
  readonly within?: number;
  /** Gets an answer that nobody waits for any more, to undo what it promised. */
  readonly late?: (body: never) => void;
}

interface PendingCall {
  readonly answered: (message: Message & { rdgw: 'answer' }) => void;
}

export class Rpc {
  readonly #send: (message: Message) => void;
  // biome-ignore lint/suspicious/noExplicitAny: each name has a body of its own, which both ends know.
  readonly #handlers = new Map<string, (body: any) => unknown>();
  /** No cap of its own: each question belongs to a connection or to a command, and an answer that never comes is late at last. */
  readonly #pending = new Map<number, PendingCall>();
  #ids = 0;
  #closed = false;

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** What is done with messages of this name. What the handler returns or resolves to is the answer. */
  on<Body>(name: string, handle: (body: Body) => unknown): void {
    this.#handlers.set(name, handle);
  }

  /** Whether the other side is gone. */
  get isClosed(): boolean {
    return this.#closed;
  }

  notify(name: string, body?: unknown): void {
    if (!this.#closed) this.#send({ rdgw: 'notify', name, body });
  }

  /** Rejects when the other side fails, is gone or does not answer in time. */
  call<Answer>(name: string, body?: unknown, { within = CALL_TIMEOUT_MS, late }: CallOptions = {}): Promise<Answer> {
    const id = ++this.#ids;
    return new Promise<Answer>((resolve, reject) => {
      if (this.#closed) return reject(new Error('the other process is gone'));
      let waits = true;
      const timer = setTimeout(() => {
        waits = false;
        if (late === undefined) this.#pending.delete(id);
        reject(new Error(`no answer to ${name}`));
      }, within);
      this.#pending.set(id, {
        answered: (message) => {
          clearTimeout(timer);
          this.#pending.delete(id);
          if (message.failed !== undefined) reject(new Error(message.failed));
          else if (waits) resolve(message.body as Answer);
          else late?.(message.body as never);
        },
      });
      this.#send({ rdgw: 'call', id, name, body });
    });
  }

  async receive(received: unknown): Promise<void> {
    if (this.#closed || !isMessage(received)) return;
    if (received.rdgw === 'answer') return this.#pending.get(received.id)?.answered(received);
    const handle = this.#handlers.get(received.name);
    if (received.rdgw === 'notify') return void handle?.(received.body);
    const { id, name } = received;
    try {
      if (!handle) throw new Error(`nobody answers ${name}`);
      this.#answer({ rdgw: 'answer', id, body: await handle(received.body) });
    } catch (error) {
      this.#answer({ rdgw: 'answer', id, body: undefined, failed: (error as Error).message });
    }
  }

  /** The other side is gone: nothing is sent or taken any more, and whoever waits for an answer is told. */
  close(): void {
    this.#closed = true;
    for (const [id, { answered }] of this.#pending) {
      answered({ rdgw: 'answer', id, body: undefined, failed: 'the other process is gone' });
    }
  }

  #answer(message: Message): void {
    if (!this.#closed) this.#send(message);
  }
}

function isMessage(received: unknown): received is Message {
  return typeof received === 'object' && received !== null && 'rdgw' in received;
}
