/**
 * Compares the dissection with captures that tshark decrypted and a person read: see the README of test/vectors/truth.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { summariseToken } from '../../src/capture/auth/security-token.js';
import type { CapturedPacket } from '../../src/capture/types.js';
import { captureFile, type DissectionRecorder, dissectFile, keyFile, type Leaf } from '../support/dissect.js';
import { pcapFile, pcapng } from '../support/pcap.js';
import { readCapture } from '../support/read-capture.js';

const TRUTH = 'test/vectors/truth';
const NAMES = ['fr2-paa-ws', 'fr2-paa-dual', 'fr2-ntlm-ws', 'fr3-ntlm-dual', 'fr3-ext-ws'];
const DIRECTIONS = ['client-to-server', 'server-to-client'] as const;
type Direction = (typeof DIRECTIONS)[number];

interface Field {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly value?: number | string;
  readonly flags?: readonly string[];
  readonly bytes?: string;
  readonly string?: string;
}

interface Head {
  readonly connection: number;
  readonly frame: number;
  readonly from: 'client' | 'server';
  readonly headLength: number;
  readonly version: string;
  /** Headers with credentials are reduced to their scheme. */
  readonly headers: readonly (readonly [string, string])[];
}

interface Request extends Head {
  readonly from: 'client';
  readonly method: string;
  readonly target: string;
}

interface Response extends Head {
  readonly from: 'server';
  readonly status: number;
  readonly reason: string;
  readonly answers: string;
}

type Ntlm = { readonly length: number } & Readonly<Record<string, unknown>>;

interface Truth {
  readonly capture: string;
  readonly keys: string;
  readonly packets: number;
  readonly conversation: {
    readonly transport: string;
    readonly connectionId: string;
    readonly correlationId?: string;
    readonly userId?: string;
    /** The packet with the 101 or 200. */
    readonly established: number;
    readonly client: string;
    readonly gateway: string;
    /** The bytes in front of the OUT channel's first PDU; `decode` skips them without a note. */
    readonly seed?: string;
  };
  readonly connections: readonly {
    readonly number: number;
    readonly client: string;
    readonly server: string;
    readonly syn: number;
    readonly version: string;
    readonly cipher: string;
    readonly sni: string;
    readonly clientRandom: string;
  }[];
  readonly http: readonly (Request | Response)[];
  readonly auth: readonly {
    readonly connection: number;
    readonly frame: number;
    readonly from: string;
    readonly header: string;
    readonly scheme: string;
    readonly ntlm?: Ntlm;
  }[];
  readonly control: readonly {
    readonly frame: number;
    readonly time: string;
    readonly direction: Direction;
    readonly packetType: number;
    readonly name: string;
    readonly length: number;
    /** The NTLM message in an EXTENDED_AUTH_MSG. */
    readonly ntlm?: Ntlm;
    readonly fields: readonly Field[];
  }[];
  readonly counts: Readonly<Record<Direction, Readonly<Record<string, number>>>>;
  readonly dataBytes: Readonly<Record<Direction, number>>;
  readonly dataSha256: Readonly<Record<Direction, string>>;
  /** Packet and cbDataLen of each DATA. */
  readonly data: Readonly<Record<Direction, readonly (readonly [frame: number, length: number])[]>>;
}

const DATA = 10;

describe.each(NAMES)('%s', (name) => {
  const truth: Truth = JSON.parse(readFileSync(`${TRUTH}/${name}.json`, 'utf8'));
  const keys = keyFile(truth.keys);
  let packets: readonly CapturedPacket[];
  beforeAll(async () => {
    ({ packets } = await readCapture(captureFile(truth.capture)));
    expect(packets).toHaveLength(truth.packets);
  });

  // The captured file, and its packets in every supported file format.
  it.each([
    ['the capture itself', async () => dissectFile(captureFile(truth.capture), keys)],
    ['classic pcap and keys', async () => dissectFile(pcapFile(packets, { nanoseconds: true }), keys)],
    ['classic pcap of the other byte order', async () => dissectFile(bigEndianPcap(packets), keys)],
    ['pcapng and keys', async () => dissectFile(pcapngFile(packets), keys)],
    ['pcapng with its keys inside', async () => dissectFile(pcapngFile(packets, keys))],
  ] as const)('%s', async (_form, run) => {
    const result = await run();
    expect(result.problems).toEqual([]);
    expect(result.notes).toEqual([]);
    expect(result.gaps).toEqual([]);
    expect(result.pdus.flatMap(({ notes }) => notes)).toEqual([]);
    expectConversation(result, truth);
    expectHttp(result, truth);
    expectControl(result, truth);
    for (const direction of DIRECTIONS) expectData(result, truth, direction);
    expect(result.pdus.map(({ n }) => n)).toEqual(result.pdus.map((_, index) => index + 1));
  });
});

function bigEndianPcap(packets: readonly CapturedPacket[]): Buffer {
  return pcapFile(packets, { nanoseconds: true, bigEndian: true });
}

/** With if_tsresol 9, as dumpcap writes it. */
function pcapngFile(packets: readonly CapturedPacket[], keys?: string): Buffer {
  const { section, interface: description, enhanced, secrets } = pcapng();
  const begin = [section(), ...(keys === undefined ? [] : [secrets(keys)]), description(1, 0, 9)];
  return Buffer.concat([...begin, ...packets.map(({ bytes, time }) => enhanced(bytes, time))]);
}

function expectConversation(result: DissectionRecorder, { conversation, connections }: Truth): void {
  expect(result.connections).toHaveLength(1);
  expect(result.ends).toHaveLength(1);
  const { established, client, gateway, seed: _, ...facts } = conversation;
  const [opened] = result.connections;
  const [first] = connections;
  expect(opened).toMatchObject({
    conversation: {
      number: 1,
      transport: conversation.transport,
      client: endpoint(client),
      gateway: endpoint(gateway),
    },
    opened: {
      syn: { frame: first?.syn },
      tls: {
        version: first?.version,
        cipher: first?.cipher,
        sni: first?.sni,
        clientRandom: first?.clientRandom,
        keys: 'found',
        resumed: false,
      },
    },
  });
  // The facts are complete only at the end.
  const end = result.ends[0]?.conversation;
  expect(end).toMatchObject({
    ...facts,
    assumed: false,
    established: true,
    connections: connections.map(({ number }) => number),
  });
  expect(end?.statuses.some(({ frame, status }) => frame === established && [101, 200].includes(status))).toBe(true);
  expect([end?.correlationId, end?.userId]).toEqual([conversation.correlationId, conversation.userId]);
}

function expectHttp(result: DissectionRecorder, { http, auth }: Truth): void {
  const requests = http.filter((head) => head.from === 'client');
  const responses = http.filter((head) => head.from === 'server');
  const common = (
    tcp: number,
    frame: number,
    head: DissectionRecorder['requests'][0]['event']['head'] | DissectionRecorder['responses'][0]['event']['head'],
  ) => ({
    connection: tcp,
    frame,
    headLength: head.length,
    version: head.version,
    headers: head.headers.map(([header, value]) => [header, isSecret(header) ? value.split(' ')[0] : value]),
  });
  expect(
    result.requests.map(({ tcp, event: { head, place } }) => ({
      ...common(tcp, place.frame, head),
      from: 'client',
      method: head.method,
      target: head.target,
    })),
  ).toEqual(requests);
  expect(
    result.responses.map(({ tcp, event: { head, place, answers } }) => ({
      ...common(tcp, place.frame, head),
      from: 'server',
      status: head.status,
      reason: head.reason,
      answers: answers?.head.method,
    })),
  ).toEqual(responses);
  // Only authentication in headers has a TCP connection; that in PDUs is compared with the control PDUs.
  const inHeaders = result.auths.filter(({ tcp }) => tcp !== undefined);
  const auths = inHeaders.map(({ tcp, event: { from, header, summary, place } }) => ({
    connection: tcp,
    frame: place.frame,
    from,
    header,
    scheme: summary.scheme,
    token: summary.token,
  }));
  expect(auths).toHaveLength(auth.length);
  for (const [index, { ntlm, ...rest }] of auth.entries()) {
    expect(auths[index]).toMatchObject(rest);
    const token = auths[index]?.token;
    if (ntlm) expect({ ...token?.ntlm, length: token?.length }).toMatchObject(ntlm);
    else expect(token).toBeUndefined();
  }
}

function expectControl(result: DissectionRecorder, { control }: Truth): void {
  const pdus = result.pdus.filter(({ packetType }) => packetType !== DATA);
  expect(pdus).toHaveLength(control.length);
  for (const [index, { fields, time, ntlm, ...facts }] of control.entries()) {
    const pdu = pdus[index];
    const { frame, direction, packetType, name, bytes } = pdu ?? {};
    expect({ frame, direction, packetType, name, length: bytes?.length }).toEqual(facts);
    expect(String(pdu?.time)).toBe(time);
    expect(pdu?.leaves.map(({ name, offset, length, value }) => ({ name, offset, length, value }))).toEqual(
      fields.map(({ name, offset, length, value, bytes, string }) => ({
        name,
        offset,
        length,
        value: value ?? bytes ?? string,
      })),
    );
    for (const [at, { flags }] of fields.entries()) {
      if (flags) expect(pdu?.leaves[at]?.text ?? '').toBe(flags.join(' | '));
    }
    if (ntlm) expect(ntlmOf(pdu?.leaves.at(-1)?.value)).toMatchObject(ntlm);
    const [auth] = result.auths.filter(({ tcp, event }) => tcp === undefined && event.place.frame === facts.frame);
    const token = auth?.event.summary.token;
    if (ntlm) expect({ ...token?.ntlm, length: token?.length }).toMatchObject(ntlm);
    else expect(auth).toBeUndefined();
    const code = pdu?.leaves.find(isResult);
    if (code) expect(code.text).toMatch(/^SUCCESS/);
  }
}

function ntlmOf(blob: Leaf['value']): unknown {
  const { length, ntlm } = summariseToken(Buffer.from(String(blob), 'hex'));
  return { length, ...ntlm };
}

function isResult({ name }: Leaf): boolean {
  return name === 'errorCode' || name === 'statusCode';
}

function expectData(result: DissectionRecorder, truth: Truth, direction: Direction): void {
  const pdus = result.of(direction);
  const counts: Record<string, number> = {};
  for (const { packetType } of pdus) counts[packetType] = (counts[packetType] ?? 0) + 1;
  expect(counts).toEqual(truth.counts[direction]);
  const data = pdus.filter(({ packetType }) => packetType === DATA);
  expect(data.map(({ frame, data }) => [frame, data?.length])).toEqual(truth.data[direction]);
  expect(data.reduce((sum, { data }) => sum + (data?.length ?? 0), 0)).toBe(truth.dataBytes[direction]);
  const hash = createHash('sha256');
  for (const { data: bytes } of data) hash.update(bytes ?? '');
  expect(hash.digest('hex')).toBe(truth.dataSha256[direction]);
}

function isSecret(header: string): boolean {
  return /^(?:www-authenticate|authorization)$/i.test(header);
}

function endpoint(text: string): { address: string; port: number } {
  const [address = '', port] = text.split(':');
  return { address, port: Number(port) };
}
