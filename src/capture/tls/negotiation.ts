/** What both hellos of a connection settle, and with the key log the keys that follow from it. */
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

/** TLS 1.3's secrets by the stage of the connection, without the sender's prefix. */
const TRAFFIC = {
  early: 'EARLY_TRAFFIC_SECRET',
  handshake: 'HANDSHAKE_TRAFFIC_SECRET',
  application: 'TRAFFIC_SECRET_0',
} as const;

export class Negotiation {
  readonly #keys: KeyLog;
  #client: ClientHello | undefined;
  #server: ServerHello | undefined;
  #suite: Suite | undefined;
  #alpn: string | undefined;
  /** The server asked for another hello, which only TLS 1.3 does; decoys of a change of ciphers may come before its answer. */
  #retried = false;
  /** A full handshake of TLS 1.2 has this message. */
  #helloDone = false;

  constructor(keys: KeyLog) {
    this.#keys = keys;
  }

  /** Takes a handshake message of either side; what it does not need it leaves. */
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

  /** TLS 1.2 again: the next hellos count. */
  restart(): void {
    this.#server = undefined;
    this.#helloDone = false;
  }

  get greeted(): boolean {
    return this.#client !== undefined;
  }

  /** Whether the server has chosen TLS 1.3, or will have to. */
  get isTls13(): boolean {
    return this.#retried || this.#server?.version === 0x0304;
  }

  /** Whether the server has chosen. */
  get answered(): boolean {
    return this.#server !== undefined;
  }

  get offersEarlyData(): boolean {
    return this.#client?.earlyData === true;
  }

  /** The name of what the server chose, if it cannot be read here. */
  get unsupported(): string | undefined {
    const server = this.#server;
    if (!server || this.#suite) return undefined;
    const version = versionName(server.version);
    return version === 'TLS 1.2' || version === 'TLS 1.3' ? suiteName(server.suite) : version;
  }

  /** TLS 1.2's keys behind a change of ciphers; undefined while a hello or the master secret is not here. */
  changed(from: Sender): Decrypter | undefined {
    const [client, server, suite, master] = [this.#client, this.#server, this.#suite, this.#secret('CLIENT_RANDOM')];
    if (!client || !server || !suite || !master) return undefined;
    const keys = keysFromMaster(suite, master, client.random, server.random, from);
    return new Decrypter(suite, { opener: createOpener(suite, keys, server.encryptThenMac) });
  }

  /** TLS 1.3's keys of a stage; undefined while a hello or the secret is not here. */
  traffic(from: Sender, stage: keyof typeof TRAFFIC): Decrypter | undefined {
    const label = `${from === 'client' ? 'CLIENT' : 'SERVER'}_${TRAFFIC[stage]}`;
    const secret = this.#secret(label as KeyLabel);
    return this.#suite && secret ? new Decrypter(this.#suite, { secret }) : undefined;
  }

  /** Whether the key log knows the connection at all. */
  get known(): boolean {
    return this.#client !== undefined && this.#keys.has(clientRandomKey(this.#client.random));
  }

  /** Why records stay closed, where it is for want of keys. */
  get closed(): { readonly code: string; readonly detail: string } {
    if (!this.#client) return { code: TLS_NOTE.noHandshake, detail: 'the client hello is missing' };
    const random = `client random ${this.#client.random.toString('hex')}`;
    const { size } = this.#keys;
    if (size === 0) return { code: TLS_NOTE.noKeys, detail: random };
    const what = this.known ? 'only some of its secrets are there' : `not among the ${size} that it has`;
    return { code: TLS_NOTE.otherKeys, detail: `${random}, ${what}` };
  }

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
      // TLS 1.3 repeats the id for the sake of middleboxes; a ticket of TLS 1.2 may do without one.
      resumed: version === 'TLS 1.3' ? !!server?.resumesPsk : !!server && (sameId || !this.#helloDone),
      clientRandom: client?.random.toString('hex'),
    };
  }

  #secret(label: KeyLabel): Buffer | undefined {
    return this.#client && this.#keys.secret(clientRandomKey(this.#client.random), label);
  }
}
