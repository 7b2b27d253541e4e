/** How late the event loop is, and whether that is too late for the people who work through it. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoopDelay } from '../report/counters.js';
import type { Log } from '../report/log.js';

/** What a gateway asks about the process that it runs in. */
export interface EventLoop {
  readonly overloaded: boolean;
  /** Since it last began anew. */
  delay(anew: boolean): LoopDelay;
  adjust(limitMs: number): void;
  stop(): void;
}

/** How often the loop is probed: finer costs more wake-ups of an idle process, coarser misses what a hand feels. */
const RESOLUTION_MS = 20;
/** One window: long enough for some dozen probes. */
const WINDOW_MS = 1_000;
/** So many windows in a row make or end an overload: one long turn, such as of the garbage collector, is none. */
const WINDOWS = 3;
/** It has ended when delays are this share of the limit: at the limit itself it would come and go. */
const CALM_SHARE = 0.5;

/** Watches the event loop of this process; more than `limitMs` for a while is an overload. */
export function watchEventLoop(limitMs: number, log: Log): EventLoop {
  const load = new OverloadDetector(limitMs, log);
  const window = startProbe();
  const asked = startProbe();
  let begun = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    // Two probes make a measurement: where a window has none, it was one long turn.
    load.observe(window.count === 0 ? now - begun : delayOf(window).mean * 1000, now);
    window.reset();
    begun = now;
  }, WINDOW_MS).unref();
  return {
    get overloaded() {
      return load.overloaded;
    },
    delay(anew) {
      const delay = delayOf(asked);
      if (anew) asked.reset();
      return delay;
    },
    adjust: (to) => load.adjust(to),
    stop() {
      clearInterval(timer);
      window.disable();
      asked.disable();
    },
  };
}

/** Makes one state of many windows. */
export class OverloadDetector {
  #limitMs: number;
  readonly #log: Log;
  #overloaded = false;
  /** Windows in a row that speak against the present state. */
  #against = 0;
  #worst = 0;
  /** When the present state, or what may become another, began. */
  #since = 0;

  constructor(limitMs: number, log: Log) {
    this.#limitMs = limitMs;
    this.#log = log;
  }

  get overloaded(): boolean {
    return this.#overloaded;
  }

  adjust(limitMs: number): void {
    this.#limitMs = limitMs;
  }

  /** The mean delay of one more window, which ends now. */
  observe(delayMs: number, now: number): void {
    const against = this.#overloaded ? delayMs < this.#limitMs * CALM_SHARE : delayMs > this.#limitMs;
    this.#against = against ? this.#against + 1 : 0;
    this.#worst = Math.max(this.#worst, delayMs);
    if (this.#against === WINDOWS) this.#turn(delayMs, now);
    else if (!this.#overloaded && !against) this.#begin(now);
  }

  #turn(delayMs: number, now: number): void {
    this.#overloaded = !this.#overloaded;
    const figures = { milliseconds: Math.round(delayMs), worst: Math.round(this.#worst), limit: this.#limitMs };
    if (this.#overloaded) {
      this.#log.warn('overloaded: new connections are turned away', figures);
    } else {
      this.#log.warn('no longer overloaded', { ...figures, seconds: Math.round((now - this.#since) / 1000) });
      this.#begin(now);
    }
    this.#against = 0;
  }

  #begin(now: number): void {
    this.#worst = 0;
    this.#since = now;
  }
}

function startProbe(): IntervalHistogram {
  const probe = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  probe.enable();
  return probe;
}

/** A probe measures from one of its timers to the next, in nanoseconds: what is above the resolution is delay. */
function delayOf(probe: IntervalHistogram): LoopDelay {
  // Within the first moments there is nothing to tell.
  if (probe.count === 0) return { mean: 0, p50: 0, p99: 0, max: 0 };
  const delay = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1000;
  return {
    mean: delay(probe.mean),
    p50: delay(probe.percentile(50)),
    p99: delay(probe.percentile(99)),
    max: delay(probe.max),
  };
}
