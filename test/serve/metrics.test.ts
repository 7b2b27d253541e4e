import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Counts } from '../../src/gateway/report/counters.js';
import { type Metrics, serveMetrics } from '../../src/serve/metrics.js';
import { eventually } from '../support/wait.js';

const COUNTS: Counts = {
  sessions: 3,
  opened: 12,
  ended: { 'client closed': 8, refused: 1 },
  refused: { user: 4, busy: 2 },
  received: 1000,
  sent: 2_000_000,
  connections: 7,
  handshakes: 1,
  rejected: { 'limits.connections': 5 },
  evicted: { 'limits.handshakes': 6 },
  loopDelay: { mean: 0.001, p50: 0.0005, p99: 0.02, max: 0.25 },
};
const HERE = { host: '127.0.0.1', port: 0 };

let metrics: Metrics | undefined;
let opened: Socket[] = [];
afterEach(async () => {
  for (const socket of opened) socket.destroy();
  opened = [];
  await metrics?.close();
});

interface Page {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

function get(path: string, method = 'GET', body?: Buffer): Promise<Page> {
  return new Promise((resolve, reject) => {
    const { port } = (metrics as Metrics).address;
    const sent = request({ ...HERE, port, path, method, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        const type = answer.headers['content-type'];
        resolve({ status: answer.statusCode ?? 0, type, body: Buffer.concat(parts).toString() });
      });
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('/metrics', () => {
  it('serves every count in the text format of Prometheus', async () => {
    metrics = await serveMetrics(HERE, () => COUNTS);
    const { status, type, body } = await get('/metrics');
    expect(status).toBe(200);
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    const rows = body.split('\n').filter((line) => line.startsWith('rdgw_'));
    expect(rows).toEqual([
      'rdgw_event_loop_delay_seconds{stat="mean"} 0.001',
      'rdgw_event_loop_delay_seconds{stat="p50"} 0.0005',
      'rdgw_event_loop_delay_seconds{stat="p99"} 0.02',
      'rdgw_event_loop_delay_seconds{stat="max"} 0.25',
      'rdgw_sessions 3',
      'rdgw_sessions_opened_total 12',
      'rdgw_sessions_ended_total{cause="client closed"} 8',
      'rdgw_sessions_ended_total{cause="refused"} 1',
      'rdgw_refused_total{reason="user"} 4',
      'rdgw_refused_total{reason="busy"} 2',
      'rdgw_received_bytes_total 1000',
      'rdgw_sent_bytes_total 2000000',
      'rdgw_connections 7',
      'rdgw_handshakes 1',
      'rdgw_rejected_total{limit="limits.connections"} 5',
      'rdgw_evicted_total{limit="limits.handshakes"} 6',
    ]);
    expect(body).toMatch(/^process_cpu_seconds_total \d/m);
    expect(body).toMatch(/^# TYPE rdgw_sent_bytes_total counter$/m);
  });

  it('has the current totals at each scrape, without adding them up', async () => {
    let counts = COUNTS;
    metrics = await serveMetrics(HERE, async () => counts);
    await get('/metrics');
    counts = { ...COUNTS, opened: 13, sessions: 2 };
    const { body } = await get('/metrics');
    expect(body).toMatch(/^rdgw_sessions_opened_total 13$/m);
    expect(body).toMatch(/^rdgw_sessions 2$/m);
    expect(body).toMatch(/^rdgw_sessions_ended_total\{cause="refused"\} 1$/m);
  });

  it('answers 503 while the counts are not available', async () => {
    let broken = true;
    metrics = await serveMetrics(HERE, () => (broken ? Promise.reject(new Error('no')) : COUNTS));
    expect((await get('/metrics')).status).toBe(503);
    broken = false;
    expect((await get('/metrics')).status).toBe(200);
  });
});

describe('the metrics server', () => {
  it('answers 404 to other paths and 405 to other methods', async () => {
    metrics = await serveMetrics(HERE, () => COUNTS);
    expect((await get('/')).status).toBe(404);
    expect((await get('/metrics', 'DELETE')).status).toBe(405);
  });

  it('destroys a request with a body', async () => {
    metrics = await serveMetrics(HERE, () => COUNTS);
    await get('/metrics', 'POST', Buffer.alloc(50_000_000)).catch(() => undefined);
    expect((await get('/metrics')).status).toBe(200);
  });

  /** Opens connections one after the other. Each sends `text`. */
  async function connections(count: number, text = ''): Promise<Socket[]> {
    const { port } = (metrics as Metrics).address;
    const sockets: Socket[] = [];
    for (let made = 0; made < count; made++) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket);
      opened.push(socket);
      await once(socket, 'connect');
      socket.resume().write(text);
    }
    return sockets;
  }

  it.each([
    ['say nothing', ''],
    ['send half a request', 'GET /metrics HTTP/1.1\r\nHost: x\r\n'],
    ['were idle after a request', 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('answers a scrape while many connections %s', async (_, text) => {
    metrics = await serveMetrics(HERE, () => COUNTS);
    await connections(40, text);
    expect((await get('/metrics')).status).toBe(200);
  });

  it('cuts the oldest connection that never sent a request, and none before there are sixteen', async () => {
    metrics = await serveMetrics(HERE, () => COUNTS);
    const [scraper] = await connections(1, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(scraper as Socket, 'data');
    const silent = await connections(15);
    expect((await get('/metrics')).status).toBe(200);
    await eventually(() => silent[0]?.destroyed === true);
    expect([scraper, ...silent.slice(1)].map((socket) => socket?.destroyed)).toEqual(Array(15).fill(false));
  });

  it('cuts the oldest connection where all wait for an answer', async () => {
    let requests = 0;
    metrics = await serveMetrics(HERE, () => (++requests > 16 ? COUNTS : new Promise<Counts>(() => undefined)));
    const waiting = await connections(16, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => requests === 16);
    expect((await get('/metrics')).status).toBe(200);
    await eventually(() => waiting[0]?.destroyed === true);
  });

  it('throws a fault that names the setting if the address is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(serveMetrics({ ...HERE, port }, () => COUNTS)).rejects.toMatchObject({
      code: 'LISTEN_EADDRINUSE',
      place: `127.0.0.1:${port}`,
      hint: expect.stringContaining('metrics.listen'),
    });
    other.close();
  });
});
