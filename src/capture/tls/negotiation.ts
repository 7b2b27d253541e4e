/** The parameters negotiated by the hellos of a connection, and the keys derived from them and the key log. */
import type { Sender } from '../types.js';
import { Decrypter } from './decrypter.js';
import { HANDSHAKE } from './handshake.js';
import {
  type ClientHello,
  readClientHello,
  readEncryptedExtensions,
  readServerHello,
  type ServerHello,
} from './hello.js';
import { TLS_NOTE, type TlsInfo, versionName } from './info.js';
import { clientRandomKey, type KeyLabel, type KeyLog } from './keylog.js';
import { createOpener } from './record-cipher.js';
import { keysFromMaster } from './schedule.js';
import { findSuite, type Suite, suiteName } from './suites.js';

/** Key log labels of TLS 1.3 secrets by stage of the connection, without the prefix of the sender. */
const TRAFFIC = {
  early: 'EARLY_TRAFFIC_SECRET',
  handshake: 'HANDSHAKE_TRAFFIC_SECRET',
  application: 'TRAFFIC_SECRET_0',
} as const;

/** Tracks the handshake messages of one connection. */
export class Negotiation {
  readonly #keys: KeyLog;
  #client: ClientHello | undefined;
  #server: ServerHello | undefined;
  #suite: Suite | undefined;
  #alpn: string | undefined;
  /**
   * A HelloRetryRequest was seen, so the version is TLS 1.3. It is set before the ServerHello because compatibility
   * ChangeCipherSpec records may precede that.
   */
  #retried = false;
  /** ServerHelloDone was seen: a full handshake of TLS 1.2. */
  #helloDone = false;

  constructor(keys: KeyLog) {
    this.#keys = keys;
  }

  /** Processes a handshake message of either side. Irrelevant types are ignored. */
  message(from: Sender, type: number, body: Buffer): void {
    if (from === 'client') {
      if (type === HANDSHAKE.clientHello) this.#client = readClientHello(body) ?? this.#client;
      return;
    }
    if (type === HANDSHAKE.serverHello) {
      const hello = readServerHello(body);
      this.#retried ||= hello?.retry === true;
      if (!hello || hello.retry) return;
      this.#server = hello;
      this.#alpn = hello.alpn;
      const suite = findSuite(hello.suite);
      this.#suite = suite?.version === versionName(hello.version) ? suite : undefined;
    }
    if (type === HANDSHAKE.serverHelloDone) this.#helloDone = true;
    if (type === HANDSHAKE.encryptedExtensions && this.isTls13) this.#alpn = readEncryptedExtensions(body);
  }

  /** Starts over for a TLS 1.2 renegotiation. */
  restart(): void {
    this.#server = undefined;
    this.#helloDone = false;
  }

  get hasClientHello(): boolean {
    return this.#client !== undefined;
  }

  /** Whether the server has chosen TLS 1.3, or will because of a HelloRetryRequest. */
  get isTls13(): boolean {
    return this.#retried || this.#server?.version === 0x0304;
  }

  /** Whether a ServerHello was seen that is not a HelloRetryRequest. */
  get hasServerHello(): boolean {
    return this.#server !== undefined;
  }

  get offersEarlyData(): boolean {
    return this.#client?.earlyData === true;
  }

  /** The name of the version or cipher suite chosen by the server when it is not supported. */
  get unsupported(): string | undefined {
    const server = this.#server;
    if (!server || this.#suite) return undefined;
    const version = versionName(server.version);
    return version === 'TLS 1.2' || version === 'TLS 1.3' ? suiteName(server.suite) : version;
  }

  /** TLS 1.2 keys after ChangeCipherSpec; undefined while a hello or the master secret is missing. */
  tls12Keys(from: Sender): Decrypter | undefined {
    const [client, server, suite, master] = [this.#client, this.#server, this.#suite, this.#secret('CLIENT_RANDOM')];
    if (!client || !server || !suite || !master) return undefined;
    const keys = keysFromMaster(suite, master, client.random, server.random, from);
    return new Decrypter(suite, { opener: createOpener(suite, keys, server.encryptThenMac) });
  }

  /** TLS 1.3 keys of a stage; undefined while the ServerHello or the secret is missing. */
  tls13Keys(from: Sender, stage: keyof typeof TRAFFIC): Decrypter | undefined {
    const label = `${from === 'client' ? 'CLIENT' : 'SERVER'}_${TRAFFIC[stage]}`;
    const secret = this.#secret(label as KeyLabel);
    return this.#suite && secret ? new Decrypter(this.#suite, { secret }) : undefined;
  }

  /** Whether the key log has any secret of the connection. */
  get hasKeys(): boolean {
    return this.#client !== undefined && this.#keys.has(clientRandomKey(this.#client.random));
  }

  /** The note for records that cannot be decrypted for lack of keys. */
  get missingKeysNote(): { readonly code: string; readonly detail: string } {
    if (!this.#client) return { code: TLS_NOTE.noHandshake, detail: 'the client hello is missing' };
    const random = `client random ${this.#client.random.toString('hex')}`;
    const { size } = this.#keys;
    if (size === 0) return { code: TLS_NOTE.noKeys, detail: random };
    const reason = this.hasKeys ? 'only some of its secrets are there' : `not among the ${size} that it has`;
    return { code: TLS_NOTE.otherKeys, detail: `${random}, ${reason}` };
  }

  /** The parameters seen so far. */
  info(keys: TlsInfo['keys']): TlsInfo {
    const [client, server] = [this.#client, this.#server];
    const sameId = !!client && !!server && server.sessionId.length > 0 && server.sessionId.equals(client.sessionId);
    const version = server && versionName(server.version);
    return {
      version,
      cipher: server && suiteName(server.suite),
      sni: client?.sni,
      alpn: this.#alpn,
      keys,
      // In TLS 1.3 the server always echoes the session id (middlebox compatibility mode). A TLS 1.2 session resumed by
      // ticket may have no session id.
      resumed: version === 'TLS 1.3' ? !!server?.resumesPsk : !!server && (sameId || !this.#helloDone),
      clientRandom: client?.random.toString('hex'),
    };
  }

  #secret(label: KeyLabel): Buffer | undefined {
    return this.#client && this.#keys.secret(clientRandomKey(this.#client.random), label);
  }
}
