import { Fault } from '../fault.js';
import { canonicalAddress } from '../policy/address.js';
import { quote } from '../policy/printable.js';
import { parseTarget, type Target } from '../policy/target.js';

/**
 * Parses the `HOST[:PORT]` of a flag. Unlike `parseTarget` it accepts an IPv6 address without brackets, unless its last group can
 * be a port. Throws a `Fault` of kind `input` (`TARGET_INVALID`).
 */
export function parseTypedAddress(text: string, defaultPort: number): Target {
  const at = text.lastIndexOf(':');
  const [address, group] = [text.slice(0, at), text.slice(at + 1)];
  const whole = text.includes(':') ? canonicalAddress(text) : undefined;
  if (!address.includes(':') || canonicalAddress(address) === undefined || !isPort(group))
    return whole === undefined ? parseTarget(text, defaultPort) : { host: whole, port: defaultPort };
  const withPort = `[${address}]:${group}`;
  throw whole === undefined
    ? invalid(`${quote(text)} has a port after an IPv6 address without brackets`, `write ${withPort}`)
    : invalid(`${quote(text)} can be an IPv6 address or an IPv6 address with a port`, `write [${text}] or ${withPort}`);
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65535;
}

function invalid(message: string, hint: string): Fault {
  return new Fault({ kind: 'input', code: 'TARGET_INVALID', message, hint });
}
