/** Measures the delay of the event loop and detects overload. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoopDelay } from '../report/counters.js';
import type { Log } from '../report/log.js';

export interface EventLoop {
  readonly overloaded: boolean;
  /** The delay since the last call with `reset`. */
  delay(reset: boolean): LoopDelay;
  adjust(limitMs: number): void;
  stop(): void;
}

/**
 * Interval of the probe: a shorter one wakes an idle process more often, a longer one misses delays that a user feels.
 */
const RESOLUTION_MS = 20;
/** One window holds some dozen probes. */
const WINDOW_MS = 1_000;
/**
 * Consecutive windows that start or end an overload: one long turn, such as a garbage collection, is not an overload.
 */
const WINDOWS = 3;
/** The overload ends below this share of the limit (hysteresis): at the limit itself the state would oscillate. */
const RECOVERY_SHARE = 0.5;

/**
 * Watches the event loop of this process. A mean delay above `limitMs` in three consecutive windows of 1 s is an
 * overload.
 */
export function watchEventLoop(limitMs: number, log: Log): EventLoop {
  const detector = new OverloadDetector(limitMs, log);
  const window = startProbe();
  const reported = startProbe();
  let windowStart = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    // Two probes make a measurement: a window without one was a single long turn.
    detector.observe(window.count === 0 ? now - windowStart : delayOf(window).mean * 1000, now);
    window.reset();
    windowStart = now;
  }, WINDOW_MS).unref();
  return {
    get overloaded() {
      return detector.overloaded;
    },
    delay(reset) {
      const delay = delayOf(reported);
      if (reset) reported.reset();
      return delay;
    },
    adjust: (limit) => detector.adjust(limit),
    stop() {
      clearInterval(timer);
      window.disable();
      reported.disable();
    },
  };
}

/** Derives the state, overloaded or not, from the delays of consecutive windows. */
export class OverloadDetector {
  #limitMs: number;
  readonly #log: Log;
  #overloaded = false;
  /** Consecutive windows that contradict the present state. */
  #opposing = 0;
  #worst = 0;
  /** Start of the present overload, or of the windows that may become one. */
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

  /** Takes the mean delay of a window that ends at `now`. */
  observe(delayMs: number, now: number): void {
    const opposing = this.#overloaded ? delayMs < this.#limitMs * RECOVERY_SHARE : delayMs > this.#limitMs;
    this.#opposing = opposing ? this.#opposing + 1 : 0;
    this.#worst = Math.max(this.#worst, delayMs);
    if (this.#opposing === WINDOWS) this.#switchState(delayMs, now);
    else if (!this.#overloaded && !opposing) this.#restart(now);
  }

  #switchState(delayMs: number, now: number): void {
    this.#overloaded = !this.#overloaded;
    const figures = { milliseconds: Math.round(delayMs), worst: Math.round(this.#worst), limit: this.#limitMs };
    if (this.#overloaded) {
      this.#log.event('overload.started', figures);
    } else {
      this.#log.event('overload.ended', { ...figures, seconds: Math.round((now - this.#since) / 1000) });
      this.#restart(now);
    }
    this.#opposing = 0;
  }

  #restart(now: number): void {
    this.#worst = 0;
    this.#since = now;
  }
}

function startProbe(): IntervalHistogram {
  const probe = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  probe.enable();
  return probe;
}

/** A probe measures the time between two of its timers in nanoseconds; what exceeds the resolution is delay. */
function delayOf(probe: IntervalHistogram): LoopDelay {
  // The first two probes have not fired yet.
  if (probe.count === 0) return { mean: 0, p50: 0, p99: 0, max: 0 };
  const delay = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1000;
  return {
    mean: delay(probe.mean),
    p50: delay(probe.percentile(50)),
    p99: delay(probe.percentile(99)),
    max: delay(probe.max),
  };
}
