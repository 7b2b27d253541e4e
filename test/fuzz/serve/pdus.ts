/** PDU streams: `DataUnwrapper`, which does not buffer DATA, compared with the framer and the packet tables. */
import { isDeepStrictEqual } from 'node:util';
import { DATA_OVERHEAD, DataUnwrapper } from '../../../src/protocol/data.js';
import {
  dataPayload,
  decode,
  Framer,
  isData,
  LimitError,
  MAX_CONTROL_PDU,
  PduError,
  packetName,
} from '../../../src/protocol/index.js';
import { STREAMS, stream } from '../../capture/http/vectors.js';
import { gatewaySession } from '../../protocol/gateway.js';
import { pdusOf } from '../../support/wire.js';
import type { Stage } from '../stage.js';
import { sameForEverySplit } from './splits.js';
import { Views } from './views.js';

/** The DATA between other PDUs as `payload …`, the other PDUs by name, and the code of the error if there is one. */
type Reading = readonly string[];

export const pdus: Stage = {
  name: 'pdus',
  async seeds() {
    const clients = STREAMS.filter(({ id }) => id.endsWith('-client')).map(({ id }) => stream(id).pdus);
    const data = clients.flatMap((one) => pdusOf(one).filter(isData));
    // A count below and one above the number of bytes present.
    const padded = Buffer.from('0a000000100000000200aabbccddeeff', 'hex');
    const short = Buffer.from('0a0000000c0000000900aabb', 'hex');
    return [
      ...clients,
      Buffer.concat(data),
      Buffer.concat([...data, padded, ...data]),
      Buffer.concat([...data, short]),
    ];
  },
  run(input) {
    const actual = sameForEverySplit(input, (split) => readLikeSession(split(input)));
    const expected = readWithTables(input);
    if (!isDeepStrictEqual(actual, expected)) throw new Error(`${actual} instead of ${expected}`);
    return actual.map((line) => line.replace(/ .*/, ''));
  },
  parser() {
    const gateway = gatewaySession();
    gateway.start();
    return (piece) => {
      gateway.receive(piece, 0);
      // Every request succeeds, so that the states behind the set-up are measured as well.
      while (gateway.paused) {
        gateway.answer({ allow: true }, 0);
        gateway.connected(0);
      }
      return !gateway.ended;
    };
  },
};

/** Reads like a session with an open channel. */
function readLikeSession(pieces: readonly Buffer[]): Reading {
  const log = new ReadingLog();
  const framer = new Framer();
  const data = new DataUnwrapper();
  const unwrap = (): void => {
    const head = framer.peek(data.insidePdu ? 1 : DATA_OVERHEAD);
    if (!head || !data.canUnwrap(head)) return;
    const { payload, rest } = data.unwrap(framer.drain());
    framer.push(rest);
    log.payload(payload);
  };
  return log.run(() => {
    for (const piece of pieces) {
      framer.push(piece);
      unwrap();
      for (let pdu = framer.next(); pdu; pdu = framer.next()) {
        log.pdu(pdu);
        unwrap();
      }
      checkWaiting(framer);
    }
  });
}

function checkWaiting({ buffered, missing }: Framer): void {
  if (buffered > MAX_CONTROL_PDU) throw new Error(`${buffered} bytes are buffered`);
  if (missing !== undefined && missing <= 0) throw new Error('a complete PDU was not returned');
}

/** Reads whole PDUs, and the available payload of an incomplete last one. */
function readWithTables(input: Buffer): Reading {
  const log = new ReadingLog();
  const framer = new Framer();
  return log.run(() => {
    // Small steps keep the framer below MAX_WAITING.
    for (let at = 0; at < input.length; at += STEP) {
      framer.push(Buffer.from(input.subarray(at, at + STEP)));
      for (let pdu = framer.next(); pdu; pdu = framer.next()) {
        if (isData(pdu) && isSound(pdu)) log.payload(dataPayload(pdu));
        else log.pdu(pdu);
      }
    }
    const rest = framer.drain();
    if (rest.length >= DATA_OVERHEAD && isData(rest) && isSound(rest)) {
      log.payload(rest.subarray(DATA_OVERHEAD, DATA_OVERHEAD + rest.readUInt16LE(8)));
    }
  });
}

const STEP = 1000;

/** Whether the count of a DATA PDU fits into its length. The offsets are constants, to be independent of the tables. */
function isSound(start: Buffer): boolean {
  return start.length >= DATA_OVERHEAD && DATA_OVERHEAD + start.readUInt16LE(8) <= start.readUInt32LE(4);
}

class ReadingLog {
  readonly #lines: string[] = [];
  #views = new Views();

  payload(bytes: Buffer): void {
    this.#views.add(bytes);
  }

  pdu(bytes: Buffer): void {
    this.#flush();
    // Malformed PDUs throw here, as in a session.
    const { type } = decode(bytes);
    this.#lines.push(`${packetName(type)} ${bytes.toString('hex')}`);
  }

  run(read: () => void): Reading {
    try {
      read();
    } catch (error) {
      if (!(error instanceof PduError || error instanceof LimitError)) throw error;
      this.#flush();
      this.#lines.push(error instanceof LimitError ? error.limit : error.code);
    }
    this.#flush();
    return this.#lines;
  }

  #flush(): void {
    const bytes = this.#views.concat();
    this.#views = new Views();
    if (bytes.length > 0) this.#lines.push(`payload ${bytes.toString('hex')}`);
  }
}
