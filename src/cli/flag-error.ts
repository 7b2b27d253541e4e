import { Fault } from '../fault.js';

/**
 * Runs `read` and reports its faults as a usage fault of `flag`, whatever their kind: the same value in a file would be
 * another one. Faults of kind `configuration` stay as they are.
 */
export async function attributeToFlag<T>(flag: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.kind === 'configuration') throw cause;
    const { code, message, hint } = cause;
    throw new Fault({ kind: 'usage', code, message, place: flag, ...(hint !== undefined && { hint }), cause });
  }
}
