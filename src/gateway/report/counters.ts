/** What has happened here, in plain numbers: whoever wants to show them adds names and a format. */

/** Why a client that was let in got no session. */
export type RefusalKind =
  /** There is no room, or the gateway is shutting down. */
  | 'busy'
  /** Not a request that we understand, or for something that is not here. */
  | 'request'
  /** It would prove who it is in a way that is not offered. */
  | 'scheme'
  /** It wants a transport that is switched off. */
  | 'transport'
  /** Its two channels do not find each other. */
  | 'pairing'
  | 'user'
  | 'target';

/** Bytes of the desktop protocol, without any framing. */
export interface Traffic {
  /** From clients to targets. */
  readonly received: number;
  readonly sent: number;
}

/** How late the event loop was, in seconds. */
export interface LoopDelay {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Plain data: it crosses processes, and `sumOf` adds it up. */
export interface Counts extends Traffic {
  /** Sessions that are up or being set up. */
  readonly sessions: number;
  readonly opened: number;
  /** By cause. */
  readonly ended: Readonly<Record<string, number>>;
  /** By reason. */
  readonly refused: Readonly<Partial<Record<RefusalKind, number>>>;
  /** TCP connections of clients. */
  readonly connections: number;
  /** Those of them whose user is not known. */
  readonly handshakes: number;
  /** Connections for which there was no room, by the setting that said so. */
  readonly turnedAway: Readonly<Record<string, number>>;
  readonly loopDelay: LoopDelay;
}

/** INVARIANT: the keys of every table are words of ours, never a client's: tables stay small. */
export class Counters {
  #opened = 0;
  #received = 0;
  #sent = 0;
  readonly #ended: Record<string, number> = {};
  readonly #refused: Partial<Record<RefusalKind, number>> = {};
  readonly #turnedAway: Record<string, number> = {};

  opened(): void {
    this.#opened++;
  }

  ended(cause: string, { received, sent }: Traffic): void {
    add(this.#ended, cause, 1);
    this.#received += received;
    this.#sent += sent;
  }

  refused(why: RefusalKind): void {
    add(this.#refused, why, 1);
  }

  rejected(setting: string): void {
    add(this.#turnedAway, setting, 1);
  }

  /** `now` is what is not counted but looked at; `live` is what the sessions that are up have carried so far. */
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
      turnedAway: { ...this.#turnedAway },
      received,
      sent,
    };
  }
}

/** The counts of several processes as those of one; of event loops the slowest counts. */
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
    turnedAway: sumOfTables(one.turnedAway, other.turnedAway),
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
