/** The fuzz targets of `decode`, one for each station of the capture pipeline. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { summariseToken } from '../../src/capture/auth/security-token.js';
import { Conversations } from '../../src/capture/conversation/conversations.js';
import { type PduEvent, TunnelStation } from '../../src/capture/conversation/tunnel.js';
import { type DecodeEvent, Dissection } from '../../src/capture/dissection.js';
import { openCapture } from '../../src/capture/file/open.js';
import { parseHexText } from '../../src/capture/hextext/index.js';
import { InnerReader } from '../../src/capture/inner/index.js';
import { SegmentReader } from '../../src/capture/ip/ip.js';
import { TcpAssembler } from '../../src/capture/tcp/index.js';
import { TlsStation } from '../../src/capture/tls/index.js';
import { KeyLog } from '../../src/capture/tls/keylog.js';
import type { CapturedPacket, Place, Sender } from '../../src/capture/types.js';
import { parseFilter } from '../../src/decode/filter.js';
import { jsonLine } from '../../src/decode/json.js';
import { statsLines } from '../../src/decode/stats.js';
import { AllConversationCounts } from '../../src/decode/summary.js';
import { TextWriter } from '../../src/decode/text.js';
import { explain } from '../../src/explain/explain.js';
import { Fault } from '../../src/fault.js';
import { packetOf } from '../../src/protocol/index.js';
import { HTTP, httpBytes, stream, tokenIn } from '../capture/http/vectors.js';
import { parseBarePdus } from '../support/bare.js';
import { captureFile, keyFile, leavesOf } from '../support/dissect.js';
import { pcapFile, pcapng } from '../support/pcap.js';
import { chunked, readCapture } from '../support/read-capture.js';
import { chunksOf, framesOf, interleave, pdusOf } from '../support/wire.js';
import type { Stage } from './stage.js';
import { encodeSteps, play, type Step } from './steps.js';

/** Number of packets of each capture in a seed: the set-up of the tunnel and the first DATA. */
const SEED_PACKETS = 48;
/** Chunk length in bytes. It is small, so that many PDUs, records and heads span two chunks. */
const CHUNK = 997;

const NAMES = ['fr2-paa-ws', 'fr2-paa-dual', 'fr2-ntlm-ws', 'fr3-ntlm-dual', 'fr3-ext-ws'];
const endings: Readonly<Record<string, string>> = { 'fr2-paa-ws': 'pcap.gz', 'fr3-ext-ws': 'dsb.pcapng.gz' };
const ALL_KEYS = NAMES.map((name) => keyFile(`${name}.keys`)).join('\n');

async function packetsOf(name: string): Promise<readonly CapturedPacket[]> {
  const { packets } = await readCapture(captureFile(`${name}.${endings[name] ?? 'pcapng.gz'}`));
  return packets.slice(0, SEED_PACKETS);
}

/** A capture file, processed by all stations up to the text output. */
export const file: Stage = {
  name: 'file',
  async seeds() {
    const files: Buffer[] = [];
    for (const name of NAMES) {
      const packets = await packetsOf(name);
      const { section, interface: description, enhanced, secrets } = pcapng();
      const blocks = packets.map(({ bytes, time }) => enhanced(bytes, time));
      const classic = pcapFile(packets, { nanoseconds: true });
      files.push(
        classic,
        Buffer.concat([section(), secrets(keyFile(`${name}.keys`)), description(1, 0, 9), ...blocks]),
      );
      if (name === 'fr2-paa-ws') files.push(gzipSync(classic), pcapFile(packets, { bigEndian: true }));
    }
    return files;
  },
  async run(input) {
    const decode = new FullDecode();
    const dissection = decode.dissection();
    await openCapture(chunked(input, CHUNK), {
      packet: (packet) => dissection.packet(packet),
      secrets: (text) => void decode.keys.add(text),
      problem: ({ code }) => decode.kinds.add(code),
    });
    return decode.finish(dissection);
  },
};

/**
 * Packets, so that they can be lost, reordered, duplicated and damaged. Each is encoded as a 16-bit length and its
 * bytes.
 */
export const packets: Stage = {
  name: 'packets',
  async seeds() {
    const all = await Promise.all(NAMES.map(packetsOf));
    return all.map((some) =>
      Buffer.concat(
        some.flatMap(({ bytes }) => {
          const length = Buffer.alloc(2);
          length.writeUInt16LE(bytes.length);
          return [length, bytes];
        }),
      ),
    );
  },
  run(input) {
    const decode = new FullDecode();
    const dissection = decode.dissection();
    for (let at = 0, frame = 1; at + 2 <= input.length; frame++) {
      const length = input.readUInt16LE(at);
      const bytes = input.subarray(at + 2, at + 2 + length);
      dissection.packet({ frame, time: BigInt(frame), linkType: 1, bytes, originalLength: length });
      at += 2 + length;
    }
    return decode.finish(dissection);
  },
};

/** TLS records of both sides, with the key log. */
export const tls: Stage = {
  name: 'tls',
  async seeds() {
    const seeds: Buffer[] = [];
    for (const name of NAMES) {
      const steps = new Map<number, Step[]>();
      const assembler = new TcpAssembler(({ number }) => ({
        bytes: (from, bytes) => {
          const list = steps.get(number) ?? [];
          steps.set(number, [...list, { from, bytes: Buffer.from(bytes) }]);
        },
        gap: () => undefined,
        end: () => undefined,
      }));
      const reader = new SegmentReader();
      for (const packet of await packetsOf(name)) {
        const segment = reader.read(packet);
        if (typeof segment !== 'string') assembler.segment(segment);
      }
      seeds.push(...[...steps.values()].map(encodeSteps));
    }
    return seeds;
  },
  run(input) {
    const kinds = new Set<string>();
    const keys = new KeyLog();
    keys.add(ALL_KEYS);
    const station = new TlsStation(keys, {
      bytes: (from) => kinds.add(from),
      gap: (from, length) => kinds.add(`gap ${from} ${length === undefined}`),
      end: (from, how) => kinds.add(`end ${from} ${how}`),
      // All unknown versions count as one kind.
      tls: ({ version = '', keys }) => kinds.add(`${/^TLS 1\.\d$/.test(version) ? version : 'other'} ${keys}`),
      note: ({ code }) => kinds.add(code),
    });
    play(input, station);
    return [...kinds];
  },
};

/** The decrypted bytes of connections: HTTP heads, WebSocket frames and bodies, combined into conversations. */
export const http: Stage = {
  name: 'http',
  async seeds() {
    const conversation = (connection: string, client: Buffer[], server: Buffer[]): Buffer => {
      const heads = HTTP.filter(({ id, kind }) => kind.endsWith('-head') && id.startsWith(`${connection}-`));
      return encodeSteps([
        ...heads.map(({ id, kind }) => stepFrom(kind === 'request-head' ? 'client' : 'server')(httpBytes(id))),
        ...interleave(client.map(stepFrom('client')), server.map(stepFrom('server'))),
      ]);
    };
    const webSockets = ['fr2-paa-ws', 'fr2-ntlm-ws', 'fr3-ext-ws'].map((name) =>
      conversation(name, framesOf(stream(`${name}-client`).wire), framesOf(stream(`${name}-server`).wire)),
    );
    const channels = ['fr2-paa-dual', 'fr3-ntlm-dual'].flatMap((name) => {
      const { seed, pdus } = stream(`${name}-server`);
      return [
        conversation(`${name}-out`, [], [seed, ...pdusOf(pdus)]),
        conversation(`${name}-in`, chunksOf(stream(`${name}-client`).wire), []),
      ];
    });
    return [...webSockets, ...channels];
  },
  run(input) {
    const kinds = new Set<string>();
    const conversations = new Conversations({
      note: ({ code }) => kinds.add(code),
      conversation: ({ transport }) => {
        kinds.add(transport);
        return {
          request: (_, { rdg }) => kinds.add(rdg.kind),
          response: (_, { head }) => kinds.add(`status ${Math.floor(head.status / 100)}`),
          auth: (_, { summary }) => kinds.add(`auth ${summary.token?.mechanism} ${summary.token?.ntlm?.type}`),
          upgrade: (_, { transport, channel }) => kinds.add(`upgrade ${transport} ${channel}`),
          frame: (_, { name }) => kinds.add(`frame ${name}`),
          bytes: (direction) => kinds.add(direction),
          gap: (direction) => kinds.add(`gap ${direction}`),
          end: (direction, how) => kinds.add(`end ${direction} ${how}`),
          note: (_, { code }) => kinds.add(code),
          done: () => kinds.add('done'),
        };
      },
    });
    const end = (port: number) => ({ address: '10.0.0.1', port });
    play(input, conversations.connection({ number: 1, client: end(50_000), server: end(443), sawStart: true }));
    conversations.finish({ frame: 1, time: 0n });
    return [...kinds];
  },
};

/** PDU streams of both sides, and the RDP connection inside DATA. */
export const tunnel: Stage = {
  name: 'tunnel',
  async seeds() {
    const conversations = ['fr2-paa-ws', 'fr2-ntlm-ws', 'fr3-ext-ws'].map((name) =>
      encodeSteps(
        interleave(
          pdusOf(stream(`${name}-client`).pdus).map(stepFrom('client')),
          pdusOf(stream(`${name}-server`).pdus).map(stepFrom('server')),
        ),
      ),
    );
    const single = vectors().map(({ hex }) => encodeSteps([{ from: 'server', bytes: Buffer.from(hex, 'hex') }]));
    return [...conversations, ...single];
  },
  run(input) {
    const kinds = new Set<string>();
    const inner = new InnerReader();
    const direction = (from: Sender) => (from === 'client' ? 'client-to-server' : 'server-to-client');
    const addInner = (events: ReturnType<InnerReader['feed']>) => {
      for (const event of events) kinds.add(`inner ${event.type}`);
    };
    const station = new TunnelStation(
      {
        pdu: (pdu) => {
          kinds.add(kindOf(pdu));
          for (const { code } of pdu.notes) kinds.add(code);
          leavesOf(pdu.tree(), pdu.bytes.length);
          if (pdu.data && !inner.done) addInner(inner.feed(pdu.direction, pdu.data, pdu));
        },
        note: (_, { code }) => kinds.add(code),
      },
      { fromStart: true },
    );
    play(input, {
      bytes: (from, bytes, place) => station.bytes(direction(from), bytes, place),
      gap: (from, length, place) => {
        station.gap(direction(from), length, place);
        inner.gap(direction(from));
      },
      end: () => undefined,
    });
    station.end(NO_PLACE);
    addInner(inner.end(NO_PLACE));
    expectSameForSplits(input);
    return [...kinds];
  },
};

/** Text input of users: hexadecimal text, filters, result codes and key logs; and authentication tokens. */
export const text: Stage = {
  name: 'text',
  async seeds() {
    const pdu = vectors()[0]?.hex ?? '';
    const bytes = Buffer.from(pdu, 'hex');
    const pairs = pdu.replace(/(..)/g, '$1 ').trim();
    const tokens = ['fr2-ntlm-ws-1-rdg-out-data', 'fr2-ntlm-ws-2-status-401'].filter((id) =>
      HTTP.some((one) => one.id === id),
    );
    return [
      pdu,
      `00000000: ${pairs.slice(0, 47)}  ${'.'.repeat(16)}\n`,
      `00000000  ${pairs.slice(0, 23)}  ${pairs.slice(24, 47)}  |${'.'.repeat(16)}|\n`,
      `const unsigned char pdu[] = { ${pairs
        .split(' ')
        .map((pair) => `0x${pair}`)
        .join(', ')} };`,
      bytes.toString('base64'),
      'type=data,handshake_request direction=client note!=error status=0x800759da',
      'E_PROXY_RAP_ACCESSDENIED',
      '0x800759DA',
      ALL_KEYS.slice(0, 2000),
    ]
      .map((seed) => Buffer.from(seed, 'latin1'))
      .concat(tokens.map((id) => Buffer.from(tokenIn(id))));
  },
  run(input) {
    const content = input.toString('latin1');
    const kinds: string[] = [];
    for (const encoding of ['hex', 'base64'] as const) {
      attempt(kinds, () => {
        const { pdus, rest } = parseBarePdus(parseHexText(content, encoding));
        for (const pdu of pdus) leavesOf(pdu.tree(), pdu.bytes.length);
        kinds.push(`${encoding} ${pdus.length > 0} ${rest?.note.code}`);
      });
    }
    attempt(kinds, () => void parseFilter(content));
    attempt(kinds, () => void kinds.push(`explained ${explain(content).length > 0}`));
    new KeyLog().add(content);
    const token = summariseToken(input, { secrets: true });
    kinds.push(`${token.mechanism} ${token.ntlm?.type}`);
    JSON.stringify(token);
    return kinds;
  },
};

export const STAGES: readonly Stage[] = [file, packets, tls, http, tunnel, text];

/** Decodes a capture and formats everything that `decode` can show of it. */
class FullDecode {
  readonly keys = new KeyLog();
  readonly kinds = new Set<string>();
  readonly #counts = new AllConversationCounts();
  readonly #writer = new TextWriter({ width: 80, bytes: true, verbose: true });
  #pdus = 0;

  constructor() {
    this.keys.add(ALL_KEYS);
  }

  dissection(): Dissection {
    return new Dissection((event) => this.#take(event), this.keys, { secrets: true, inner: true });
  }

  finish(dissection: Dissection): string[] {
    dissection.finish();
    const { packets, pdus } = dissection.counts;
    const conversations = [...this.#counts.conversations()];
    const unread = { skipped: {}, ordinaryRequests: 0, evictedConnections: 0 };
    const summary = { packets, pdus, ...unread, conversations, notes: this.#counts.notes, problem: null };
    JSON.stringify(summary);
    for (const line of statsLines(summary)) checkLine(line);
    return [...this.kinds];
  }

  #take(event: DecodeEvent): void {
    this.#counts.add(event);
    JSON.stringify(jsonLine(event, { payload: true, secrets: true, verbose: true }));
    for (const line of this.#writer.lines(event)) checkLine(line);
    this.kinds.add(event.type);
    if (event.type === 'note') this.kinds.add(event.note.code);
    if (event.type !== 'pdu') return;
    if (event.n !== ++this.#pdus) throw new Error(`PDU ${event.n} comes after ${this.#pdus - 1}`);
    leavesOf(event.pdu.tree(), event.pdu.bytes.length);
    this.kinds.add(kindOf(event.pdu));
    for (const { code } of event.pdu.notes) this.kinds.add(code);
  }
}

/**
 * Checks that splitting the bytes of each step, in buffers that are overwritten afterwards, does not change the result.
 */
function expectSameForSplits(input: Buffer): void {
  const [whole, pieces] = [0, 7].map((size) => {
    const lines: string[] = [];
    const station = new TunnelStation(
      {
        pdu: (pdu) => lines.push(`${pdu.direction} ${pdu.bytes.toString('latin1')}`),
        note: (direction, { code }) => lines.push(`${direction} ${code}`),
      },
      { fromStart: true },
    );
    const direction = (from: Sender) => (from === 'client' ? 'client-to-server' : 'server-to-client');
    play(input, {
      bytes: (from, bytes, place) => {
        for (let at = 0; at < bytes.length; at += size || bytes.length) {
          const piece = Buffer.from(bytes.subarray(at, at + (size || bytes.length)));
          station.bytes(direction(from), piece, place);
          piece.fill(0xee);
        }
      },
      gap: (from, length, place) => station.gap(direction(from), length, place),
      end: () => undefined,
    });
    station.end(NO_PLACE);
    return lines.join('\n');
  });
  if (whole !== pieces) throw new Error('the result depends on the split of the input');
}

/** The kind of a PDU. All unassigned types count as one kind. */
function kindOf({ name, packetType, packet }: PduEvent): string {
  return packetOf(packetType) === undefined ? 'unknown' : `${name}${packet === undefined ? ' malformed' : ''}`;
}

function stepFrom(from: Sender): (bytes: Buffer) => Step {
  return (bytes) => ({ from, bytes });
}

const NO_PLACE: Place = { frame: 0, time: 0n };

/** Checks that a line contains no control characters, which could control the user's terminal. */
function checkLine(line: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression detects control characters
  if (/[\x00-\x1f\x7f-\x9f]/.test(line)) throw new Error(`a line holds a control character: ${JSON.stringify(line)}`);
}

/** Runs the action and records a `Fault`, which is the expected error for invalid input. */
function attempt(kinds: string[], action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    kinds.push(error.code);
  }
}

function vectors(): readonly { readonly hex: string }[] {
  return JSON.parse(readFileSync('test/vectors/pdus.json', 'utf8'));
}
