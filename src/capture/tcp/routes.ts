/** The way from a segment's endpoints to its connection without making a text of them: a shortcut that may forget. */
import type { Endpoint } from '../types.js';

/** Directions that are remembered; two that share a slot take turns. */
const SLOTS = 1024;

interface Route<T> {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly to: T;
}

/** Finds by identity of the endpoints: what it does not find may still be known elsewhere under equal ones. */
export class RouteCache<T> {
  readonly #routes: (Route<T> | undefined)[] = new Array(SLOTS);

  get(source: Endpoint, destination: Endpoint): T | undefined {
    const route = this.#routes[slotOf(source, destination)];
    return route !== undefined && route.source === source && route.destination === destination ? route.to : undefined;
  }

  set(source: Endpoint, destination: Endpoint, to: T): void {
    this.#routes[slotOf(source, destination)] = { source, destination, to };
  }
}

function slotOf(source: Endpoint, destination: Endpoint): number {
  return Math.imul(source.port ^ Math.imul(destination.port, 0x85ebca6b), 0x9e3779b1) >>> 22;
}
