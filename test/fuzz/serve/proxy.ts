/** PROXY headers, from any client that reaches a listener for proxies. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { readProxyHeader } from '../../../src/gateway/listener/proxy-header.js';
import { canonicalAddress } from '../../../src/policy/address.js';
import { ProxyHeaderError, parseProxyHeader } from '../../../src/proxy/proxy-header.js';
import type { Stage } from '../stage.js';
import { sameForEverySplit } from './splits.js';

/** The timer fires after the measurement, which never leaves the event loop, and removes what is left of it. */
const DEADLINE_MS = 1;

interface Reading {
  /** `open`, `client`, `proxy`, or the code of the error. */
  readonly end: string;
  readonly source?: string | undefined;
  readonly length?: number;
}

export const proxy: Stage = {
  name: 'proxy',
  async seeds() {
    const signature = '0d0a0d0a000d0a515549540a';
    return [
      ...[
        'PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\nand so on',
        'PROXY TCP6 2001:db8::1 ::ffff:198.51.100.2 4711 443\r\n',
        'PROXY UNKNOWN\r\n',
        `PROXY UNKNOWN ${'f'.repeat(80)}\r\n`,
        'GET / HTTP/1.1\r\n',
      ].map((text) => Buffer.from(text, 'latin1')),
      ...[
        '2111000cc0000201c6336402126701bb',
        `21210024${'20010db8'.padEnd(32, '0')}${'1'.repeat(32)}126701bb16`,
        `21110020c0000201c6336402126701bb${'04'.repeat(20)}`,
        '20000000',
        '213100d8',
        '211110000000',
      ].map((hex) => Buffer.from(signature + hex, 'hex')),
    ];
  },
  run(input) {
    const { end, source, length = 0 } = sameForEverySplit(input, (split) => read(split(input)));
    if (source !== undefined && canonicalAddress(source) !== source) throw new Error(`${source} is not canonical`);
    if (length > input.length) throw new Error(`a header of ${length} bytes in ${input.length} bytes`);
    return [end];
  },
  parser() {
    const socket = new PieceSocket();
    readProxyHeader(socket as unknown as Socket, DEADLINE_MS).catch(() => undefined);
    return async (piece) => {
      socket.pieces.push(piece);
      socket.emit('readable');
      return socket.listenerCount('readable') > 0;
    };
  },
};

/** The part of a socket that `readProxyHeader` uses, without the costs of a stream. */
class PieceSocket extends EventEmitter {
  readonly pieces: Buffer[] = [];

  read(): Buffer | null {
    return this.pieces.shift() ?? null;
  }

  unshift(bytes: Buffer): void {
    this.pieces.unshift(bytes);
  }
}

function read(pieces: readonly Buffer[]): Reading {
  let bytes = Buffer.alloc(0);
  try {
    for (const piece of pieces) {
      bytes = Buffer.concat([bytes, piece]);
      const header = parseProxyHeader(bytes);
      if (header !== undefined) return { end: header.source === undefined ? 'proxy' : 'client', ...header };
    }
    return { end: 'open' };
  } catch (error) {
    if (!(error instanceof ProxyHeaderError)) throw error;
    return { end: error.code };
  }
}
