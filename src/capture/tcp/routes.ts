/** Lossy cache from the endpoints of a segment to its connection. Avoids building a string key per segment. */
import type { Endpoint } from '../types.js';

/** Cache slots. Directions that share a slot replace each other. */
const SLOTS = 1024;

interface Route<T> {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly value: T;
}

/** Compares endpoints by identity, so a miss does not mean that the connection is unknown. */
export class RouteCache<T> {
  readonly #routes: (Route<T> | undefined)[] = new Array(SLOTS);

  get(source: Endpoint, destination: Endpoint): T | undefined {
    const route = this.#routes[slotOf(source, destination)];
    return route !== undefined && route.source === source && route.destination === destination
      ? route.value
      : undefined;
  }

  set(source: Endpoint, destination: Endpoint, value: T): void {
    this.#routes[slotOf(source, destination)] = { source, destination, value };
  }
}

function slotOf(source: Endpoint, destination: Endpoint): number {
  return Math.imul(source.port ^ Math.imul(destination.port, 0x85ebca6b), 0x9e3779b1) >>> 22;
}
