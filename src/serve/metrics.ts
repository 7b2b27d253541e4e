/** The counters of a gateway for Prometheus, over plain HTTP on a port of their own. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Listen } from '../config/listen.js';
import { listen } from '../gateway/io/listen.js';
import { limitConnectionAge } from '../gateway/listener/connection-age.js';
import type { Counts } from '../gateway/report/counters.js';

export interface Metrics {
  readonly address: AddressInfo;
  close(): Promise<void>;
}

/** Scrapers come every 15 s or so, one or two of them, with requests of some hundred bytes. */
const MAX_CONNECTIONS = 16;
const REQUEST_MS = 5_000;
const HEAD_BYTES = 8192;

type Register = (counts: Counts) => void;

/** Serves what `counts` says at each request. Throws a `Fault` when the address cannot be had. */
export async function serveMetrics(where: Listen, counts: () => Counts | Promise<Counts>): Promise<Metrics> {
  const { registry, update } = await openRegistry();
  const text = async (): Promise<string> => {
    update(await counts());
    return registry.metrics();
  };
  const server = createServer(
    { maxHeaderSize: HEAD_BYTES, headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
    (request, response) => {
      lives.announceEnd(response);
      void answer(request, response, text, registry.contentType);
    },
  );
  const lives = limitConnectionAge(server);
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, where, 'metrics.listen');
  // Counters alone are no reason for a process to live.
  server.unref();
  return {
    address: server.address() as AddressInfo,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  text: () => Promise<string>,
  contentType: string,
): Promise<void> {
  // A scrape has no body.
  request.once('data', () => request.destroy());
  if (request.url?.split('?', 1)[0] !== '/metrics') return void response.writeHead(404).end('not found\n');
  if (request.method !== 'GET') return void response.writeHead(405, { Allow: 'GET' }).end('use GET\n');
  try {
    const body = await text();
    response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(body);
  } catch {
    response.writeHead(503).end('the counters cannot be had now\n');
  }
}

/** Loaded when it is wanted: most gateways run without. */
async function openRegistry(): Promise<{ registry: Registry; update: Register }> {
  const { Counter, collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string, read: (counts: Counts) => number): Register => {
    const metric = new Gauge({ name, help, registers });
    return (counts) => metric.set(read(counts));
  };
  /** The counting is done elsewhere: a counter is wound back and forward to where it stands. */
  const counter = (name: string, help: string, read: (counts: Counts) => number): Register => {
    const metric = new Counter({ name, help, registers });
    return (counts) => {
      metric.reset();
      metric.inc(read(counts));
    };
  };
  const table = (
    name: string,
    help: string,
    label: string,
    read: (counts: Counts) => Readonly<Partial<Record<string, number>>>,
  ): Register => {
    const metric = new Counter({ name, help, labelNames: [label], registers });
    return (counts) => {
      metric.reset();
      for (const [key, count] of Object.entries(read(counts))) metric.inc({ [label]: key }, count);
    };
  };
  const delay = new Gauge({
    name: 'rdgw_event_loop_delay_seconds',
    help: 'How late the event loop was since the last scrape.',
    labelNames: ['stat'],
    registers,
  });
  const rows: readonly Register[] = [
    gauge('rdgw_sessions', 'Sessions that are up or being set up.', ({ sessions }) => sessions),
    counter('rdgw_sessions_opened_total', 'Sessions that were begun.', ({ opened }) => opened),
    table('rdgw_sessions_ended_total', 'Sessions that ended, by cause.', 'cause', ({ ended }) => ended),
    table('rdgw_refused_total', 'Clients that got no session, by reason.', 'reason', ({ refused }) => refused),
    counter('rdgw_received_bytes_total', 'Desktop protocol from clients to targets.', ({ received }) => received),
    counter('rdgw_sent_bytes_total', 'Desktop protocol from targets to clients.', ({ sent }) => sent),
    gauge('rdgw_connections', 'TCP connections of clients.', ({ connections }) => connections),
    gauge('rdgw_handshakes', 'Connections whose user is not known yet.', ({ handshakes }) => handshakes),
    table(
      'rdgw_turned_away_total',
      'Connections for which there was no room, by the setting that said so.',
      'limit',
      ({ turnedAway }) => turnedAway,
    ),
    ({ loopDelay }) => {
      for (const [stat, seconds] of Object.entries(loopDelay)) delay.set({ stat }, seconds);
    },
  ];
  return { registry, update: (counts) => rows.forEach((row) => void row(counts)) };
}
