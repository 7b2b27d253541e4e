// What clients without a token cost: for each byte of the worst input of each reader, for a connection, for a refusal.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuOf } from '../cpu.js';
import { probeLoop } from '../loop.js';
import { UnauthenticatedClient } from '../unauthenticated-client.js';
import { INPUTS, REFUSALS } from '../unauthenticated-inputs.js';

/** Time for the probe to start, and for the gateway to finish with a connection that it has closed. */
const SETTLE_MS = 10;
/** A rate of bytes that a client may send, in bytes per second. */
const RATE = 1e6;

/** The rows of the cell. */
export const PARSERS = INPUTS.map(({ key, title }) => ({ key, title }));

/**
 * Measures each input on connections that are up, in samples with the load and without it. The least time of several
 * samples counts: other work of the gateway, such as compilation, only adds to it.
 */
export async function parsers(bench, relay, { first }) {
  const rows = {};
  for (const input of INPUTS) {
    for (let round = 0; first && round < bench.options.rounds; round++) await sample(bench, relay, input);
    rows[input.key] = await measure(bench, relay, input);
  }
  return rows;
}

async function measure(bench, relay, input) {
  const [loaded, empty] = [[], []];
  let turn = Infinity;
  for (let round = 0; round < bench.options.rounds; round++) {
    loaded.push(await sample(bench, relay, input));
    empty.push(await sample(bench, relay, { ...input, load: '' }));
    const { longest } = await probeLoop(relay, () => sample(bench, relay, input));
    turn = Math.min(turn, longest);
  }
  const least = (samples, figure) => Math.min(...samples.map(figure));
  const [{ bytes }] = loaded;
  const cpuPerByte = (least(loaded, ({ load }) => load) - least(empty, ({ load }) => load)) / bytes;
  const connection = least(empty, ({ connect, load }) => connect + load);
  return {
    cost: (cpuPerByte * 1024) / 1000,
    core: (cpuPerByte * RATE) / 1e9,
    turn: turn / 1000,
    connection: connection / 1000,
    all: ((cpuPerByte + connection / bytes) * RATE) / 1e9,
  };
}

/** The mean CPU time of the gateway for a connection in nanoseconds: until the load, and from then on. */
async function sample({ options }, { pid, ports }, input) {
  const before = cpuOf(pid);
  const clients = [];
  for (let count = 0; count < options.clients; count++) clients.push(await prepare(ports[0], input));
  await sleep(SETTLE_MS);
  const prepared = cpuOf(pid);
  // One after the other: several at once could share a turn of the event loop.
  for (const { client } of clients) await client.release();
  await sleep(SETTLE_MS);
  const after = cpuOf(pid);
  for (const { client, out } of clients) {
    client.destroy();
    out?.destroy();
  }
  const [{ bytes }] = clients;
  return { connect: (prepared - before) / clients.length, load: (after - prepared) / clients.length, bytes };
}

/** A client that is ready to send everything from `start` on. `bytes` is the length of its encrypted load. */
async function prepare(port, { ask, out, start = '', load = '', end, recordBytes }) {
  const id = randomUUID();
  const bytesOf = (text) => Buffer.from(typeof text === 'function' ? text(id) : text, 'latin1');
  const outChannel = out && (await UnauthenticatedClient.connect(port));
  await outChannel?.ask(bytesOf(out));
  const client = await UnauthenticatedClient.connect(port);
  if (ask) await client.ask(bytesOf(ask));
  await client.prepare(bytesOf(start));
  const bytes = await client.prepare(bytesOf(load), recordBytes);
  await client.prepare(bytesOf(end));
  return { client, out: outChannel, bytes };
}

/** A TLS handshake, and nothing after it. */
export function handshakes(bench, relay) {
  return leastCost(bench, relay, (port) => UnauthenticatedClient.connect(port));
}

/** A TLS handshake, and a refusal of REFUSALS. A relay that refuses requests refuses this one. */
export function refusals(kind) {
  return (bench, relay) =>
    leastCost(bench, relay, async (port) => {
      const { client } = await prepare(port, relay.refusing ? REFUSALS.request : REFUSALS[kind]);
      await client.release();
      return client;
    });
}

/** The CPU time of a relay for one client that `connect` makes, in microseconds. The least of several means counts. */
async function leastCost({ options }, { pid, ports, refusing = ports[0] }, connect) {
  let least = Infinity;
  for (let round = 0; round <= options.rounds; round++) {
    const before = cpuOf(pid);
    for (let count = 0; count < options.handshakes; count++) (await connect(refusing)).destroy();
    await sleep(SETTLE_MS);
    least = Math.min(least, cpuOf(pid) - before);
  }
  return { cost: least / options.handshakes / 1000 };
}
