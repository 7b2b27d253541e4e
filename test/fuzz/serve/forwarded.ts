/** The fields in which a proxy names its client. A proxy may pass on what a client sent. */
import { canonicalAddress } from '../../../src/policy/address.js';
import { FORWARDED_MAX, type ForwardedField, forwardedClient, HOPS_MAX } from '../../../src/proxy/forwarded.js';
import type { Stage } from '../stage.js';

const PROXY = '10.0.0.1';
const CLIENT = '192.0.2.7';
const isTrusted = (address: string): boolean => address.startsWith('10.');

/** The first byte of the input selects the field, the rest is its value. */
export const forwarded: Stage = {
  name: 'forwarded',
  async seeds() {
    const values: [ForwardedField, string][] = [
      ['x-forwarded-for', '192.0.2.1, 10.0.0.2'],
      ['x-forwarded-for', '192.0.2.1:4711,[2001:db8::1]:4711 , 2001:db8::2, ::ffff:10.0.0.3'],
      ['x-forwarded-for', 'unknown, , 10.0.0.3'],
      ['forwarded', 'for=192.0.2.1;proto=https;by=203.0.113.43, FOR="[2001:db8::1]:4711"'],
      ['forwarded', 'for="10.0.0.\\2" , for=_hidden;host="a,b;c"'],
      ['forwarded', 'proto=http;proto=https, for=192.0.2.1'],
    ];
    return values.map(([field, value]) => Buffer.from(`${field === 'forwarded' ? 'f' : 'x'}${value}`, 'latin1'));
  },
  run(input) {
    const [field, value] = fieldOf(input);
    const client = forwardedClient(field, value, isTrusted);
    if (client !== undefined && (isTrusted(client) || canonicalAddress(client) !== client)) {
      throw new Error(`${client} is trusted or not canonical`);
    }
    const hasRoom = value.length < FORWARDED_MAX / 2 && value.split(',').length < HOPS_MAX;
    if (hasRoom) checkAppended(field, value, client);
    return [`${field} ${client === undefined ? 'none' : 'client'}`];
  },
  parser: () => (piece) => {
    const [field, value] = fieldOf(piece);
    forwardedClient(field, value, isTrusted);
    return false;
  },
};

/** Checks that a hop that a trusted proxy adds counts first, and a trusted one changes nothing. */
function checkAppended(field: ForwardedField, value: string, client: string | undefined): void {
  const append = (hop: string): string | undefined =>
    forwardedClient(field, `${value}, ${field === 'forwarded' ? 'for=' : ''}${hop}`, isTrusted);
  if (append(PROXY) !== client) throw new Error('a trusted hop changes the client');
  const appended = append(CLIENT);
  // A malformed Forwarded field counts as a whole.
  if (appended !== CLIENT && (field !== 'forwarded' || client !== undefined)) {
    throw new Error(`${appended} is found instead of the last hop`);
  }
}

function fieldOf(input: Buffer): [ForwardedField, string] {
  return [input[0] === 'f'.charCodeAt(0) ? 'forwarded' : 'x-forwarded-for', input.toString('latin1', 1)];
}
