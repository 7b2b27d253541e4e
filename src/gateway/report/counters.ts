/** The counters of the gateway, as plain numbers without metric names or a format. */

/** Why a client with an admitted connection got no session. */
export type RefusalKind =
  /** A limit is reached, or the gateway is shutting down. */
  | 'busy'
  /** The request is invalid, or for something that the gateway does not offer. */
  | 'request'
  /** The client requests an authentication scheme that is not offered. */
  | 'scheme'
  /** The client requests a transport that is disabled. */
  | 'transport'
  /** The OUT and IN channel of the client cannot be paired. */
  | 'pairing'
  | 'user'
  | 'target';

/** Bytes of the desktop protocol, without any framing. */
export interface Traffic {
  /** From clients to targets. */
  readonly received: number;
  readonly sent: number;
}

/** The delay of the event loop, in seconds. */
export interface LoopDelay {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Plain data, which is sent between processes and added up by `sumOf`. */
export interface Counts extends Traffic {
  /** Sessions that are open or being set up. */
  readonly sessions: number;
  readonly opened: number;
  /** By cause. */
  readonly ended: Readonly<Record<string, number>>;
  /** By reason. */
  readonly refused: Readonly<Partial<Record<RefusalKind, number>>>;
  /** TCP connections of clients. */
  readonly connections: number;
  /** Those of them whose user is not authenticated. */
  readonly handshakes: number;
  /** Rejected connections, by the setting whose limit was reached. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Unauthenticated connections that were ended for new ones, by the setting whose limit was reached. */
  readonly evicted: Readonly<Record<string, number>>;
  readonly loopDelay: LoopDelay;
}

/** INVARIANT: no key of a table comes from a client, so the tables stay small. */
export class Counters {
  #opened = 0;
  #received = 0;
  #sent = 0;
  readonly #ended: Record<string, number> = {};
  readonly #refused: Partial<Record<RefusalKind, number>> = {};
  readonly #rejections: Record<string, number> = {};
  readonly #evictions: Record<string, number> = {};

  opened(): void {
    this.#opened++;
  }

  ended(cause: string, { received, sent }: Traffic): void {
    add(this.#ended, cause, 1);
    this.#received += received;
    this.#sent += sent;
  }

  refused(kind: RefusalKind): void {
    add(this.#refused, kind, 1);
  }

  rejected(setting: string): void {
    add(this.#rejections, setting, 1);
  }

  evicted(setting: string): void {
    add(this.#evictions, setting, 1);
  }

  /** `now` has the current values, which are not counted here; `live` has the traffic so far of the open sessions. */
  snapshot(
    now: Pick<Counts, 'sessions' | 'connections' | 'handshakes' | 'loopDelay'>,
    live: Iterable<Traffic> = [],
  ): Counts {
    let [received, sent] = [this.#received, this.#sent];
    for (const traffic of live) {
      received += traffic.received;
      sent += traffic.sent;
    }
    return {
      ...now,
      opened: this.#opened,
      ended: { ...this.#ended },
      refused: { ...this.#refused },
      rejected: { ...this.#rejections },
      evicted: { ...this.#evictions },
      received,
      sent,
    };
  }
}

/** Adds up the counts of several processes; the delays of the event loop are those of the slowest one. */
export function sumOf([first, ...others]: readonly [Counts, ...Counts[]]): Counts {
  return others.reduce(sum, first);
}

function sum(one: Counts, other: Counts): Counts {
  const slower = (name: keyof LoopDelay): number => Math.max(one.loopDelay[name], other.loopDelay[name]);
  return {
    sessions: one.sessions + other.sessions,
    opened: one.opened + other.opened,
    ended: sumOfTables(one.ended, other.ended),
    refused: sumOfTables(one.refused, other.refused),
    connections: one.connections + other.connections,
    handshakes: one.handshakes + other.handshakes,
    rejected: sumOfTables(one.rejected, other.rejected),
    evicted: sumOfTables(one.evicted, other.evicted),
    received: one.received + other.received,
    sent: one.sent + other.sent,
    loopDelay: { mean: slower('mean'), p50: slower('p50'), p99: slower('p99'), max: slower('max') },
  };
}

type Table = Readonly<Record<string, number>>;

function sumOfTables(one: Table, other: Table): Table {
  const all: Record<string, number> = { ...one };
  for (const [key, count] of Object.entries(other)) add(all, key, count);
  return all;
}

function add(table: Record<string, number>, key: string, count: number): void {
  table[key] = (table[key] ?? 0) + count;
}
