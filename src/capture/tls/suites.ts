/** Supported cipher suites: those of TLS 1.2 and 1.3 that gateways and clients negotiate. */

/** A cipher suite. */
export interface Suite {
  /** IANA name. */
  readonly name: string;
  readonly version: 'TLS 1.2' | 'TLS 1.3';
  /** Cipher name for node:crypto. */
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305' | 'aes-128-cbc' | 'aes-256-cbc';
  /** Key length in bytes. */
  readonly keyLength: 16 | 32;
  /** Hash of the key derivation. */
  readonly hash: 'sha256' | 'sha384';
  /** Hash of the record MAC; only for CBC. */
  readonly mac?: 'sha1' | 'sha256' | 'sha384';
}

const CIPHERS = {
  AES_128_GCM: ['aes-128-gcm', 16],
  AES_256_GCM: ['aes-256-gcm', 32],
  CHACHA20_POLY1305: ['chacha20-poly1305', 32],
  AES_128_CBC: ['aes-128-cbc', 16],
  AES_256_CBC: ['aes-256-cbc', 32],
} as const;

/** Numbers and names from the IANA registry "TLS Cipher Suites". All other properties are derived from the name. */
const NAMES: Readonly<Record<number, string>> = {
  4865: 'TLS_AES_128_GCM_SHA256',
  4866: 'TLS_AES_256_GCM_SHA384',
  4867: 'TLS_CHACHA20_POLY1305_SHA256',
  47: 'TLS_RSA_WITH_AES_128_CBC_SHA',
  51: 'TLS_DHE_RSA_WITH_AES_128_CBC_SHA',
  53: 'TLS_RSA_WITH_AES_256_CBC_SHA',
  57: 'TLS_DHE_RSA_WITH_AES_256_CBC_SHA',
  60: 'TLS_RSA_WITH_AES_128_CBC_SHA256',
  61: 'TLS_RSA_WITH_AES_256_CBC_SHA256',
  103: 'TLS_DHE_RSA_WITH_AES_128_CBC_SHA256',
  107: 'TLS_DHE_RSA_WITH_AES_256_CBC_SHA256',
  156: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
  157: 'TLS_RSA_WITH_AES_256_GCM_SHA384',
  158: 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256',
  159: 'TLS_DHE_RSA_WITH_AES_256_GCM_SHA384',
  49161: 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
  49162: 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  49171: 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
  49172: 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
  49187: 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
  49188: 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384',
  49191: 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256',
  49192: 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384',
  49195: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  49196: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  49199: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  49200: 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  52392: 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  52393: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  52394: 'TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
};

const SUITES: ReadonlyMap<number, Suite> = new Map(
  Object.entries(NAMES).map(([number, name]) => [Number(number), suiteOf(name)]),
);

/** Returns the suite with this number, or undefined when it is not supported. */
export function findSuite(number: number): Suite | undefined {
  return SUITES.get(number);
}

/** Returns the IANA name of a supported suite, or the number of another suite in hexadecimal. */
export function suiteName(number: number): string {
  return SUITES.get(number)?.name ?? `0x${number.toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * Parses a name `TLS_[<key exchange>_WITH_]<cipher>_<hash>`. The hash is that of the key derivation, or for CBC that of
 * the MAC (RFC 5246 section 5, RFC 5289 section 3).
 */
function suiteOf(name: string): Suite {
  const [, exchange, text = '', digest = ''] = /^TLS_(?:(\w+)_WITH_)?(\w+)_(SHA\d*)$/.exec(name) ?? [];
  const [cipher, keyLength] = CIPHERS[text as keyof typeof CIPHERS];
  const mac = digest === 'SHA384' ? 'sha384' : digest === 'SHA256' ? 'sha256' : 'sha1';
  return {
    name,
    version: exchange === undefined ? 'TLS 1.3' : 'TLS 1.2',
    cipher,
    keyLength,
    hash: mac === 'sha384' ? 'sha384' : 'sha256',
    ...(text.endsWith('CBC') ? { mac } : {}),
  };
}
