/**
 * Summaries of NTLM messages (MS-NLMP 2.2.1) for display: user, workstation, server and method. Data that allows an
 * offline attack on the password (challenges, responses, session keys) is omitted unless the caller requests it; the
 * MIC is never included.
 */
import { flagNames } from '../protocol/field-kinds.js';

/** The summary of one NTLM message. */
export interface NtlmSummary {
  readonly type: 'negotiate' | 'challenge' | 'authenticate' | 'unknown';
  /** MessageType: 1, 2 or 3, or another number for `unknown`. */
  readonly messageType: number;
  readonly flags: number;
  /** Names of the set flags (`NTLMSSP_NEGOTIATE_…`, MS-NLMP 2.2.2.5). Bits without a name are in hexadecimal. */
  readonly flagNames: readonly string[];
  /** Types 1 and 3: the domain of the user. Type 2: the name of the server's domain or machine. */
  readonly domain?: string;
  readonly user?: string;
  readonly workstation?: string;
  /** Operating system version, for example `10.0.22621` (MS-NLMP 2.2.2.10). */
  readonly version?: string;
  /** Type 2: the target info of the server. Type 3: the copy of it in the client's NTLMv2 response. */
  readonly targetInfo?: TargetInfo;
  /** Type 3: the kind of response, derived from its length. */
  readonly response?: 'none' | 'NTLMv1' | 'NTLMv2';
  /** Type 3: whether the message contains a message integrity code (MIC) that is not all zero. */
  readonly mic?: boolean;
  /**
   * Hexadecimal values of `serverChallenge`, `lmResponse`, `ntResponse` and `sessionKey`. Only with the option
   * `secrets`.
   */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Names of fields that extend beyond the message. */
  readonly damaged?: readonly string[];
}

/** The informative AV_PAIRs of a target info (MS-NLMP 2.2.2.1). */
export interface TargetInfo {
  readonly netbiosComputer?: string;
  readonly netbiosDomain?: string;
  readonly dnsComputer?: string;
  readonly dnsDomain?: string;
  readonly dnsTree?: string;
  /** Service principal name of the service that the client connects to, for example `HTTP/gw.example`. */
  readonly targetName?: string;
  readonly flags?: number;
  /** The FILETIME in ISO 8601 format, or as a decimal number if it is out of range. */
  readonly timestamp?: string;
  /**
   * Whether the response is bound to the TLS connection (extended protection): the hash is present and not all zero.
   */
  readonly channelBindings?: boolean;
}

export interface NtlmOptions {
  /** Include `secrets` in the summary; the default is false. */
  readonly secrets?: boolean;
}

/** Largest number of bytes of a text field that are decoded. Names are short, but a field may have 64 KiB. */
export const MAX_NTLM_TEXT = 1024;
/** Largest number of AV_PAIRs of a target info that are read. */
export const MAX_AV_PAIRS = 64;

const SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1');
const SHORTEST = SIGNATURE.length + 4;
const MIC_BYTES = 16;
const NTLMV1_BYTES = 24;
/**
 * Offset of the AV_PAIRs in an NTLMv2 response: 16 bytes of proof and 28 bytes of the client challenge (MS-NLMP
 * 2.2.2.7).
 */
const NTLMV2_PAIRS = 16 + 28;

const FLAGS = {
  NTLMSSP_NEGOTIATE_UNICODE: 0x1,
  NTLM_NEGOTIATE_OEM: 0x2,
  NTLMSSP_REQUEST_TARGET: 0x4,
  NTLMSSP_NEGOTIATE_SIGN: 0x10,
  NTLMSSP_NEGOTIATE_SEAL: 0x20,
  NTLMSSP_NEGOTIATE_DATAGRAM: 0x40,
  NTLMSSP_NEGOTIATE_LM_KEY: 0x80,
  NTLMSSP_NEGOTIATE_NTLM: 0x200,
  NTLMSSP_NEGOTIATE_ANONYMOUS: 0x800,
  NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED: 0x1000,
  NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED: 0x2000,
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN: 0x8000,
  NTLMSSP_TARGET_TYPE_DOMAIN: 0x10000,
  NTLMSSP_TARGET_TYPE_SERVER: 0x20000,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY: 0x80000,
  NTLMSSP_NEGOTIATE_IDENTIFY: 0x100000,
  NTLMSSP_REQUEST_NON_NT_SESSION_KEY: 0x400000,
  NTLMSSP_NEGOTIATE_TARGET_INFO: 0x800000,
  NTLMSSP_NEGOTIATE_VERSION: 0x2000000,
  NTLMSSP_NEGOTIATE_128: 0x20000000,
  NTLMSSP_NEGOTIATE_KEY_EXCH: 0x40000000,
  NTLMSSP_NEGOTIATE_56: 0x80000000,
} as const;

const AV_NAMES: Readonly<
  Record<number, 'netbiosComputer' | 'netbiosDomain' | 'dnsComputer' | 'dnsDomain' | 'dnsTree'>
> = { 1: 'netbiosComputer', 2: 'netbiosDomain', 3: 'dnsComputer', 4: 'dnsDomain', 5: 'dnsTree' };
const AV = { END: 0, FLAGS: 6, TIMESTAMP: 7, TARGET_NAME: 9, CHANNEL_BINDINGS: 10 } as const;

/**
 * Offsets of the fixed fields per message type. A text or byte field consists of a length, an allocated size and an
 * offset.
 */
const LAYOUTS = {
  1: { type: 'negotiate', flags: 12, version: 32, domain: 16, workstation: 24 },
  2: { type: 'challenge', flags: 20, version: 48, domain: 12, targetInfo: 40 },
  3: { type: 'authenticate', flags: 60, version: 64, lm: 12, nt: 20, domain: 28, user: 36, workstation: 44, key: 52 },
} as const;
const CHALLENGE_AT = 24;
const MIC_AT = 72;

/** Reports whether `bytes` start with the NTLM signature and have room for a message type. */
export function isNtlm(bytes: Buffer): boolean {
  return bytes.length >= SHORTEST && bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE);
}

/** Summarises an NTLM message. Returns undefined if `bytes` are not one. Never throws. */
export function summariseNtlm(bytes: Buffer, { secrets = false }: NtlmOptions = {}): NtlmSummary | undefined {
  if (!isNtlm(bytes)) return undefined;
  const messageType = bytes.readUInt32LE(SIGNATURE.length);
  const message = new Message(bytes);
  if (messageType === 1) return message.negotiate();
  if (messageType === 2) return message.challenge(secrets);
  if (messageType === 3) return message.authenticate(secrets);
  return { type: 'unknown', messageType, flags: 0, flagNames: [] };
}

class Message {
  readonly #bytes: Buffer;
  readonly #damaged: string[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  negotiate(): NtlmSummary {
    const at = LAYOUTS[1];
    const flags = this.#u32('flags', at.flags);
    // Without these flags the fields must be ignored; their offsets may have any value.
    const named = (flag: number, name: string, where: number): string | undefined =>
      (flags & flag) === 0 ? undefined : this.#field(name, where)?.subarray(0, MAX_NTLM_TEXT).toString('latin1');
    return this.#summary(1, flags, {
      domain: named(FLAGS.NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED, 'domain', at.domain),
      workstation: named(FLAGS.NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED, 'workstation', at.workstation),
    });
  }

  challenge(secrets: boolean): NtlmSummary {
    const at = LAYOUTS[2];
    const flags = this.#u32('flags', at.flags);
    const pairs = flags & FLAGS.NTLMSSP_NEGOTIATE_TARGET_INFO ? this.#field('targetInfo', at.targetInfo) : undefined;
    return this.#summary(2, flags, {
      domain: this.#text('domain', at.domain, flags),
      targetInfo: pairs && readPairs(pairs),
      secrets: secrets ? { serverChallenge: this.#bytes.toString('hex', CHALLENGE_AT, CHALLENGE_AT + 8) } : undefined,
    });
  }

  authenticate(secrets: boolean): NtlmSummary {
    const at = LAYOUTS[3];
    const flags = this.#u32('flags', at.flags);
    const lm = this.#field('lmResponse', at.lm);
    const nt = this.#field('ntResponse', at.nt);
    const key = this.#field('sessionKey', at.key);
    const response = !nt?.length ? 'none' : nt.length > NTLMV1_BYTES ? 'NTLMv2' : 'NTLMv1';
    const secretFields = { lmResponse: lm, ntResponse: nt, sessionKey: key };
    return this.#summary(3, flags, {
      domain: this.#text('domain', at.domain, flags),
      user: this.#text('user', at.user, flags),
      workstation: this.#text('workstation', at.workstation, flags),
      response,
      targetInfo: nt && response === 'NTLMv2' ? readPairs(nt.subarray(NTLMV2_PAIRS)) : undefined,
      mic: this.#hasMic(),
      secrets: secrets
        ? Object.fromEntries(
            Object.entries(secretFields).flatMap(([name, value]) => (value ? [[name, hexOf(value)]] : [])),
          )
        : undefined,
    });
  }

  #summary(
    number: 1 | 2 | 3,
    flags: number,
    rest: { [K in keyof NtlmSummary]?: NtlmSummary[K] | undefined },
  ): NtlmSummary {
    const { type, version } = LAYOUTS[number];
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const bytes = this.#bytes;
    const versioned = (flags & FLAGS.NTLMSSP_NEGOTIATE_VERSION) !== 0 && bytes.length >= version + 8;
    return {
      type,
      messageType: number,
      flags,
      flagNames: flagNames(flags, FLAGS),
      ...given,
      ...(versioned && { version: `${bytes[version]}.${bytes[version + 1]}.${bytes.readUInt16LE(version + 2)}` }),
      ...(this.#damaged.length > 0 && { damaged: this.#damaged }),
    };
  }

  #u32(name: string, at: number): number {
    if (at + 4 <= this.#bytes.length) return this.#bytes.readUInt32LE(at);
    this.#damaged.push(name);
    return 0;
  }

  #field(name: string, at: number): Buffer | undefined {
    if (at + 8 <= this.#bytes.length) {
      const length = this.#bytes.readUInt16LE(at);
      const start = this.#bytes.readUInt32LE(at + 4);
      if (length === 0) return this.#bytes.subarray(0, 0);
      if (start + length <= this.#bytes.length) return this.#bytes.subarray(start, start + length);
    }
    this.#damaged.push(name);
    return undefined;
  }

  #text(name: string, at: number, flags: number): string | undefined {
    const field = this.#field(name, at);
    if (!field?.length) return undefined;
    return flags & FLAGS.NTLMSSP_NEGOTIATE_UNICODE ? utf16(field) : field.subarray(0, MAX_NTLM_TEXT).toString('latin1');
  }

  /** No flag indicates the MIC. It is present if no field starts before its end (MS-NLMP 2.2.1.3). */
  #hasMic(): boolean {
    const { lm, nt, domain, user, workstation, key } = LAYOUTS[3];
    if (this.#bytes.length < MIC_AT + MIC_BYTES) return false;
    const starts = [lm, nt, domain, user, workstation, key]
      .filter((at) => this.#bytes.readUInt16LE(at) > 0)
      .map((at) => this.#bytes.readUInt32LE(at + 4));
    if (Math.min(...starts) < MIC_AT + MIC_BYTES) return false;
    return !isZero(this.#bytes.subarray(MIC_AT, MIC_AT + MIC_BYTES));
  }
}

function readPairs(bytes: Buffer): TargetInfo {
  const found: Record<string, unknown> = {};
  let at = 0;
  for (let count = 0; count < MAX_AV_PAIRS && at + 4 <= bytes.length; count++) {
    const id = bytes.readUInt16LE(at);
    const value = bytes.subarray(at + 4, at + 4 + bytes.readUInt16LE(at + 2));
    at += 4 + bytes.readUInt16LE(at + 2);
    if (id === AV.END || at > bytes.length) break;
    const name = AV_NAMES[id];
    if (name) found[name] = utf16(value);
    else if (id === AV.TARGET_NAME) found.targetName = utf16(value);
    else if (id === AV.FLAGS && value.length === 4) found.flags = value.readUInt32LE(0);
    else if (id === AV.TIMESTAMP && value.length === 8) found.timestamp = fileTime(value.readBigUInt64LE(0));
    else if (id === AV.CHANNEL_BINDINGS) found.channelBindings = !isZero(value);
  }
  return found;
}

/**
 * Formats a FILETIME, which counts 100 ns since 1601. Values outside the range of a Date or of four-digit years are
 * returned as a decimal number.
 */
function fileTime(value: bigint): string {
  const date = new Date(Number(value / 10_000n - 11_644_473_600_000n));
  const year = date.getUTCFullYear();
  return year >= 1601 && year <= 9999 ? date.toISOString() : value.toString();
}

function utf16(bytes: Buffer): string {
  return bytes.subarray(0, Math.min(bytes.length, MAX_NTLM_TEXT) & ~1).toString('utf16le');
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

function hexOf(bytes: Buffer): string {
  return bytes.toString('hex');
}
