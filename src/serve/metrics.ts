/** The Prometheus endpoint: the gateway's counters over plain HTTP on a port of its own. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Registry } from 'prom-client';
import type { Listen } from '../config/listen.js';
import { listen } from '../gateway/io/listen.js';
import type { Counts } from '../gateway/report/counters.js';
import { limitConnectionAge } from './connection-age.js';

export interface Metrics {
  readonly address: AddressInfo;
  close(): Promise<void>;
}

/** One or two scrapers connect every 15 s or so, with requests of some hundred bytes. */
const MAX_CONNECTIONS = 16;
const REQUEST_MS = 5_000;
const HEAD_BYTES = 8192;

/** Sets one metric from the counts. */
type Update = (counts: Counts) => void;

/** Serves the result of `counts`, called for each request. Throws a `Fault` when it cannot listen on the address. */
export async function serveMetrics(address: Listen, counts: () => Counts | Promise<Counts>): Promise<Metrics> {
  const { registry, update } = await openRegistry();
  const text = async (): Promise<string> => {
    update(await counts());
    return registry.metrics();
  };
  const server = createServer(
    { maxHeaderSize: HEAD_BYTES, headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
    (request, response) => {
      connectionAge.announceEnd(response);
      void answer(request, response, text, registry.contentType);
    },
  );
  const connectionAge = limitConnectionAge(server);
  limitConnections(server);
  await listen(server, address, 'metrics.listen');
  // The endpoint alone does not keep the process running.
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

/**
 * Keeps at most MAX_CONNECTIONS. A new connection replaces the one that is missed least, since anybody who reaches the
 * port can open many and say nothing: the oldest that never sent a request, else the one that has been idle longest, else
 * the oldest.
 */
function limitConnections(server: Server): void {
  /** In the order of their last request. */
  const idle = new Set<Socket>();
  const silent = new Set<Socket>();
  const busy = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    const [least] = [...silent, ...idle, ...busy];
    if (silent.size + idle.size + busy.size >= MAX_CONNECTIONS) least?.destroy();
    silent.add(socket);
    socket.once('close', () => [silent, idle, busy].forEach((sockets) => void sockets.delete(socket)));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    silent.delete(socket);
    idle.delete(socket);
    busy.add(socket);
    response.once('close', () => {
      if (busy.delete(socket) && !socket.destroyed) idle.add(socket);
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  text: () => Promise<string>,
  contentType: string,
): Promise<void> {
  // A scrape request has no body.
  request.once('data', () => request.destroy());
  if (request.url?.split('?', 1)[0] !== '/metrics') return void response.writeHead(404).end('not found\n');
  if (request.method !== 'GET') return void response.writeHead(405, { Allow: 'GET' }).end('use GET\n');
  try {
    const body = await text();
    response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(body);
  } catch {
    response.writeHead(503).end('counters are not available\n');
  }
}

/** Imports prom-client on demand: most gateways run without metrics. */
async function openRegistry(): Promise<{ registry: Registry; update: Update }> {
  const { Counter, collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string, read: (counts: Counts) => number): Update => {
    const metric = new Gauge({ name, help, registers });
    return (counts) => metric.set(read(counts));
  };
  /** The totals are counted elsewhere, and prom-client counters have no setter: reset, then add the total. */
  const counter = (name: string, help: string, read: (counts: Counts) => number): Update => {
    const metric = new Counter({ name, help, registers });
    return (counts) => {
      metric.reset();
      metric.inc(read(counts));
    };
  };
  const labelledCounter = (
    name: string,
    help: string,
    label: string,
    read: (counts: Counts) => Readonly<Partial<Record<string, number>>>,
  ): Update => {
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
  const rows: readonly Update[] = [
    gauge('rdgw_sessions', 'Sessions that are open or being set up.', ({ sessions }) => sessions),
    counter('rdgw_sessions_opened_total', 'Sessions that were opened.', ({ opened }) => opened),
    labelledCounter('rdgw_sessions_ended_total', 'Sessions that ended, by cause.', 'cause', ({ ended }) => ended),
    labelledCounter(
      'rdgw_refused_total',
      'Clients that got no session, by reason.',
      'reason',
      ({ refused }) => refused,
    ),
    counter('rdgw_received_bytes_total', 'RDP bytes from clients to targets.', ({ received }) => received),
    counter('rdgw_sent_bytes_total', 'RDP bytes from targets to clients.', ({ sent }) => sent),
    gauge('rdgw_connections', 'TCP connections of clients.', ({ connections }) => connections),
    gauge('rdgw_handshakes', 'Connections that are not authenticated yet.', ({ handshakes }) => handshakes),
    labelledCounter(
      'rdgw_rejected_total',
      'Rejected connections, by the setting that limits them.',
      'limit',
      ({ rejected }) => rejected,
    ),
    labelledCounter(
      'rdgw_evicted_total',
      'Unauthenticated connections ended for new ones, by the setting that limits them.',
      'limit',
      ({ evicted }) => evicted,
    ),
    ({ loopDelay }) => {
      for (const [stat, seconds] of Object.entries(loopDelay)) delay.set({ stat }, seconds);
    },
  ];
  return { registry, update: (counts) => rows.forEach((row) => void row(counts)) };
}
