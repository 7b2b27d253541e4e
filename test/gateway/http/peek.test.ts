import { describe, expect, it } from 'vitest';
import { classify } from '../../../src/gateway/http/peek.js';
import { REAL_REQUESTS } from './samples.js';

const of = (text: string): string => classify(Buffer.from(text, 'latin1'));

describe('classify', () => {
  it.each([
    ['RDG_OUT_DATA ', 'rdg'],
    ['RDG_IN_DATA ', 'rdg'],
    ['RPC_IN_DATA ', 'rpc'],
    ['RPC_OUT_DATA ', 'rpc'],
  ])('needs more bytes for every prefix of %j, then recognizes it', (method, reader) => {
    for (let end = 0; end < method.length; end++) expect(of(method.slice(0, end))).toBe('need-more');
    expect(of(method)).toBe(reader);
    expect(of(`${method}/ HTTP/1.1\r\n`)).toBe(reader);
  });

  it.each([
    'G',
    'GET / HTTP/1.1',
    'RX',
    'RDG_X',
    'RDG_OUT_DATA\t',
    'RDG_OUT_DATAX',
    'rdg_out_data ',
    'RDG_IN_DATA\r',
    '\r\nRDG_IN_DATA ',
    '\0',
  ])('leaves %j to node:http', (text) => {
    expect(of(text)).toBe('web');
  });

  it.each(REAL_REQUESTS)('recognizes %s', (_id, bytes) => {
    expect(classify(bytes)).toBe('rdg');
  });
});
