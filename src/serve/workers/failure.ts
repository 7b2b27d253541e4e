/** Why a worker could not start, on its way to the process that says it. */
import { Fault, type FaultDetail } from '../../fault.js';

export interface Failure {
  readonly fault?: Omit<FaultDetail, 'cause'>;
  /** Of anything else: what decides about words and exit code. */
  readonly error?: { readonly message: string; readonly code?: string; readonly path?: string };
}

export function failureOf(error: unknown): Failure {
  if (error instanceof Fault) {
    const { kind, code, message, place, hint } = error;
    return { fault: { kind, code, message, ...(place && { place }), ...(hint && { hint }) } };
  }
  const { message = String(error), code, path } = error as Partial<NodeJS.ErrnoException>;
  return { error: { message, ...(code && { code }), ...(path && { path }) } };
}

export function failureError({ fault, error }: Failure): Error {
  if (fault) return new Fault(fault);
  const { message = 'a worker failed', ...more } = error ?? {};
  return Object.assign(new Error(message), more);
}
