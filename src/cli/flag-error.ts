import { Fault } from '../fault.js';

/** Nonsense on the command line is a usage fault, also where the same words in a file would be another one. */
export async function ofFlag<T>(flag: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.kind === 'configuration') throw cause;
    const { code, message, hint } = cause;
    throw new Fault({ kind: 'usage', code, message, place: flag, ...(hint !== undefined && { hint }), cause });
  }
}
