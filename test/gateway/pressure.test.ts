import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wrapData } from '../../src/protocol/data.js';
import { RawClient, TRANSPORTS } from '../support/client.js';
import { type TestGateway, testGateway } from '../support/gateway.js';
import { type TestTarget, testTarget } from '../support/target.js';
import { sleep } from '../support/wait.js';

const MIB = 1024 * 1024;
/**
 * Limit for the bytes taken from a sender whose receiver reads nothing: the kernel's buffers of both connections, about
 * 10 MiB each on most systems, and less than 1 MiB in the gateway. A gateway without back-pressure takes all bytes.
 */
const IN_FLIGHT_MAX = 32 * MIB;
const TOTAL = 64 * MIB;
const BLOCK = randomBytes(MIB / 4);
const EXPECTED = sha256(function* () {
  for (let sent = 0; sent < TOTAL; sent += BLOCK.length) yield BLOCK;
});

function sha256(blocks: () => Iterable<Buffer>): string {
  const hash = createHash('sha256');
  for (const block of blocks()) hash.update(block);
  return hash.digest('hex');
}

/** Sends TOTAL bytes as fast as they are taken. */
class Sender {
  /** Bytes that this process has passed to the kernel. */
  flushed = 0;
  readonly done: Promise<void>;

  constructor(write: (block: Buffer, flushed: () => void) => void) {
    this.done = this.#run(write);
  }

  async #run(write: (block: Buffer, flushed: () => void) => void): Promise<void> {
    while (this.flushed < TOTAL) {
      await new Promise<void>((resolve) => write(BLOCK, resolve));
      this.flushed += BLOCK.length;
    }
  }

  /** Waits until nothing is taken any more. Returns the number of bytes taken. */
  async stalled(): Promise<number> {
    for (let before = -1, unchanged = 0; unchanged < 6; ) {
      unchanged = this.flushed === before ? unchanged + 1 : 0;
      before = this.flushed;
      await sleep(50);
    }
    return this.flushed;
  }
}

const fromClient = (client: RawClient): Sender =>
  new Sender((block, flushed) => {
    wrapData(block, (pdu) => client.pipe.send(pdu));
    client.pipe.up.write('', flushed);
  });
const fromTarget = (socket: Socket): Sender =>
  new Sender((block, flushed) => void socket.write(block, () => flushed()));

describe.each(TRANSPORTS)('back-pressure over %s', (transport) => {
  let server: TestGateway;
  let target: TestTarget;
  beforeAll(async () => {
    server = await testGateway();
    target = await testTarget((socket) => socket.pause());
  });
  afterAll(async () => {
    await server.stop();
    await target.stop();
  });

  async function session(): Promise<{ client: RawClient; far: Socket; atTarget: Reader; atClient: Reader }> {
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport, token, port: target.port });
    const [down] = client.pipe.sockets;
    down.pause();
    const far = await target.socket(target.count - 1);
    const atTarget = new Reader();
    const atClient = new Reader();
    far.on('data', (bytes) => atTarget.take(bytes));
    client.sink = (bytes) => atClient.take(bytes);
    return { client, far, atTarget, atClient };
  }

  it('pauses a client whose target reads nothing, without loss', async () => {
    const { client, far, atTarget, atClient } = await session();
    const sender = fromClient(client);
    expect(await sender.stalled()).toBeLessThan(IN_FLIGHT_MAX);
    // The other direction is not blocked.
    client.pipe.sockets[0].resume();
    far.write('news');
    await atClient.gets(4);
    expect(sender.flushed).toBeLessThan(IN_FLIGHT_MAX);
    far.resume();
    await sender.done;
    await atTarget.gets(TOTAL);
    expect(atTarget.digest()).toBe(EXPECTED);
    client.pipe.close();
  });

  it('pauses a target whose client reads nothing, without loss', async () => {
    const { client, far, atTarget, atClient } = await session();
    const sender = fromTarget(far);
    expect(await sender.stalled()).toBeLessThan(IN_FLIGHT_MAX);
    far.resume();
    client.send(Buffer.from('news'));
    await atTarget.gets(4);
    expect(sender.flushed).toBeLessThan(IN_FLIGHT_MAX);
    client.pipe.sockets[0].resume();
    await sender.done;
    await atClient.gets(TOTAL);
    expect(atClient.digest()).toBe(EXPECTED);
    client.pipe.close();
  });

  it('pauses both at once, without loss', async () => {
    const { client, far, atTarget, atClient } = await session();
    const [up, down] = [fromClient(client), fromTarget(far)];
    expect(await up.stalled()).toBeLessThan(IN_FLIGHT_MAX);
    expect(await down.stalled()).toBeLessThan(IN_FLIGHT_MAX);
    far.resume();
    client.pipe.sockets[0].resume();
    await Promise.all([up.done, down.done, atTarget.gets(TOTAL), atClient.gets(TOTAL)]);
    expect(atTarget.digest()).toBe(EXPECTED);
    expect(atClient.digest()).toBe(EXPECTED);
    client.pipe.close();
  });

  it('delivers all bytes of a target that has ended when its client reads again', async () => {
    const { client, far, atClient } = await session();
    const block = randomBytes(4 * MIB);
    far.end(block);
    await sleep(100);
    client.pipe.sockets[0].resume();
    expect((await client.until('closed')).code).toBe(0);
    expect(atClient.bytes).toBe(block.length);
    expect(atClient.digest()).toBe(sha256(() => [block]));
    client.pipe.close();
  });
});

/** Counts and hashes received bytes. */
class Reader {
  bytes = 0;
  readonly #hash = createHash('sha256');
  #check: () => void = () => undefined;

  take(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.#hash.update(bytes);
    this.#check();
  }

  gets(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (this.bytes >= bytes) resolve();
      };
      this.#check();
    });
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
