/**
 * TLS versions, cipher suites and options, by the profiles of Mozilla's Server Side TLS guidelines, version 5.7
 * (https://wiki.mozilla.org/Security/Server_Side_TLS, https://ssl-config.mozilla.org/guidelines/5.7.json).
 */
import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

export type TlsProfile = 'intermediate' | 'old';

const TLS13_SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Forward secrecy and AEAD for every suite. */
const INTERMEDIATE_SUITES = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'DHE-RSA-AES128-GCM-SHA256',
  'DHE-RSA-AES256-GCM-SHA384',
  'DHE-RSA-CHACHA20-POLY1305',
];

/** CBC suites and RSA key exchange. DES-CBC3-SHA is left out: OpenSSL 3 is built without it. */
const OLD_SUITES = [
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'DHE-RSA-AES128-SHA256',
  'DHE-RSA-AES256-SHA256',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA256',
  'AES256-SHA256',
  'AES128-SHA',
  'AES256-SHA',
];

/**
 * Groups for the key exchange, which Windows, FreeRDP and browsers all have. The client chooses among them before it is
 * known. OpenSSL would also take finite fields of up to 8192 bits, which cost 90 ms of CPU time for each handshake, and
 * a client only has to send a random number for them (CVE-2002-20001). P-521 costs as much as eight handshakes.
 */
const GROUPS = 'X25519:P-256:P-384';

const COMMON: SecureContextOptions = {
  ecdhCurve: GROUPS,
  // In both profiles: RFC 8996 forbids the versions before, and Windows 7 with its updates has 1.2.
  minVersion: 'TLSv1.2',
  // A group that fits the certificate, for DHE suites. 2048 bits or more.
  dhparam: 'auto',
  // A client could make the gateway compute handshakes over one connection, without a new admission.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
};

const PROFILES: Readonly<Record<TlsProfile, SecureContextOptions>> = {
  intermediate: {
    ...COMMON,
    ciphers: [...TLS13_SUITES, ...INTERMEDIATE_SUITES].join(':'),
    // All suites are strong: a client without AES instructions may choose ChaCha20.
    honorCipherOrder: false,
  },
  old: {
    ...COMMON,
    ciphers: [...TLS13_SUITES, ...INTERMEDIATE_SUITES, ...OLD_SUITES].join(':'),
    honorCipherOrder: true,
  },
};

export function tlsProfileOptions(profile: TlsProfile): SecureContextOptions {
  return PROFILES[profile];
}
