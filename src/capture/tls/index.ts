/** TLS decryption: turns the two byte streams of a TCP connection into plaintext, with the keys of a key log. */

export { MAX_HELD } from './held-records.js';
export { TLS_NOTE, type TlsInfo, type TlsSink } from './info.js';
export { KeyLog, MAX_HELD_TOTAL, MAX_KEYLOG_CONNECTIONS } from './keylog.js';
export { MAX_RECORD, MAX_SEARCH } from './records.js';
export { MAX_FAILURES } from './session.js';
export { TlsStation } from './station.js';
