/** Reads the cleartext of the first TLS record of either side (RFC 8446 section 5.1). */
import { readClientHello, readServerHello } from '../tls/hello.js';
import { describeAlert, versionName } from '../tls/info.js';

export interface Hello {
  /** `other`: a record that is not a hello, as in a capture that begins later. */
  readonly kind: 'client' | 'server' | 'other';
  readonly sni?: string | undefined;
  readonly version?: string | undefined;
  readonly alert?: string | undefined;
}

const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
/** RFC 8446 section 5.2. */
const MAX_FRAGMENT = 2 ** 14 + 2048;

/** Whether `bytes` begin a TLS record; undefined when there are too few. */
export function looksLikeTls(bytes: Buffer): boolean | undefined {
  const [type = 0, major = 3] = bytes;
  if (type < RECORD.changeCipherSpec || type > RECORD.applicationData || major !== 3) return false;
  if (bytes.length < RECORD_HEADER) return undefined;
  const length = bytes.readUInt16BE(3);
  return (bytes[2] as number) <= 4 && length > 0 && length <= MAX_FRAGMENT;
}

/** The hello or alert in the record at the beginning of `bytes`; undefined until the record is complete. */
export function helloIn(bytes: Buffer): Hello | undefined {
  const length = bytes.readUInt16BE(3);
  if (bytes.length < RECORD_HEADER + length) return undefined;
  const fragment = bytes.subarray(RECORD_HEADER, RECORD_HEADER + length);
  const type = bytes[0];
  if (type === RECORD.alert && length === 2) return { kind: 'other', alert: describeAlert(fragment) };
  if (type !== RECORD.handshake) return { kind: 'other' };
  // Of a hello in several records only the first record is read.
  const body = fragment.subarray(HANDSHAKE_HEADER);
  if (fragment[0] === CLIENT_HELLO) return { kind: 'client', sni: readClientHello(body)?.sni };
  if (fragment[0] !== SERVER_HELLO) return { kind: 'other' };
  const hello = readServerHello(body);
  return { kind: 'server', version: hello && versionName(hello.version) };
}
