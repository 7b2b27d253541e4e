/** Why a worker could not start or prepare a reload, in a form that can be sent to the primary. */
import { Fault, type FaultDetail } from '../../fault.js';

export interface Failure {
  readonly fault?: Omit<FaultDetail, 'cause'>;
  /** Any other error: the fields that decide its message and exit code. */
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
  const { message = 'a worker failed', ...details } = error ?? {};
  return Object.assign(new Error(message), details);
}
