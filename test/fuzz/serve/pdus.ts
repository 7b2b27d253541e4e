/** Streams of PDUs: the way for DATA that gathers nothing, held against whole PDUs and their tables. */
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
import { pdusOf } from '../../support/wire.js';
import type { Stage } from '../stage.js';
import { inEverySplit } from './splits.js';
import { Views } from './views.js';

/** What stands between two other PDUs as `payload …`, those PDUs by their names, and the error where one ends it. */
type Reading = readonly string[];

export const pdus: Stage = {
  name: 'pdus',
  async seeds() {
    const clients = STREAMS.filter(({ id }) => id.endsWith('-client')).map(({ id }) => stream(id).pdus);
    const data = clients.flatMap((one) => pdusOf(one).filter(isData));
    // A count below what is there, and one above it.
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
    const fast = inEverySplit(input, (cut) => quickly(cut(input)));
    const slow = slowly(input);
    if (!isDeepStrictEqual(fast, slow)) throw new Error(`${fast} instead of ${slow}`);
    return fast.map((line) => line.replace(/ .*/, ''));
  },
};

/** As a session reads while its channel is open. */
function quickly(pieces: readonly Buffer[]): Reading {
  const script = new Script();
  const framer = new Framer();
  const data = new DataUnwrapper();
  const unwrap = (): void => {
    const head = framer.peek(data.midway ? 1 : DATA_OVERHEAD);
    if (!head || !data.begins(head)) return;
    const { payload, rest } = data.unwrap(framer.drain());
    framer.push(rest);
    script.payload(payload);
  };
  return script.through(() => {
    for (const piece of pieces) {
      framer.push(piece);
      unwrap();
      for (let pdu = framer.next(); pdu; pdu = framer.next()) {
        script.pdu(pdu);
        unwrap();
      }
      checkWaiting(framer);
    }
  });
}

function checkWaiting({ buffered, missing }: Framer): void {
  if (buffered > MAX_CONTROL_PDU) throw new Error(`${buffered} bytes wait`);
  if (missing !== undefined && missing <= 0) throw new Error('a PDU is there and was not given');
}

/** Whole PDUs, and of the last one the payload that is there. */
function slowly(input: Buffer): Reading {
  const script = new Script();
  const framer = new Framer();
  return script.through(() => {
    // In steps, so that it is not taken for a client that sends ahead.
    for (let at = 0; at < input.length; at += STEP) {
      framer.push(Buffer.from(input.subarray(at, at + STEP)));
      for (let pdu = framer.next(); pdu; pdu = framer.next()) {
        if (isData(pdu) && isSound(pdu)) script.payload(dataPayload(pdu));
        else script.pdu(pdu);
      }
    }
    const rest = framer.drain();
    if (rest.length >= DATA_OVERHEAD && isData(rest) && isSound(rest)) {
      script.payload(rest.subarray(DATA_OVERHEAD, DATA_OVERHEAD + rest.readUInt16LE(8)));
    }
  });
}

const STEP = 1000;

/** Whether a DATA PDU says to hold no more than it has room for. Offsets by hand: those of the tables are what is in question. */
function isSound(start: Buffer): boolean {
  return start.length >= DATA_OVERHEAD && DATA_OVERHEAD + start.readUInt16LE(8) <= start.readUInt32LE(4);
}

class Script {
  readonly #lines: string[] = [];
  #views = new Views();

  payload(bytes: Buffer): void {
    this.#views.take(bytes);
  }

  pdu(bytes: Buffer): void {
    this.#flush();
    // Odd ones throw here, as in a session.
    const { type } = decode(bytes);
    this.#lines.push(`${packetName(type)} ${bytes.toString('hex')}`);
  }

  through(read: () => void): Reading {
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
    const bytes = this.#views.joined();
    this.#views = new Views();
    if (bytes.length > 0) this.#lines.push(`payload ${bytes.toString('hex')}`);
  }
}
