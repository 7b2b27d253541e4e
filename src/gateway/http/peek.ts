/** The reader of a connection: the gateway (`rdg`), its refusal of RPC over HTTP (`rpc`), or node:http (`web`). */
export type Reader = 'rdg' | 'rpc' | 'web';

const METHODS: readonly (readonly [Buffer, Reader])[] = [
  [Buffer.from('RDG_OUT_DATA '), 'rdg'],
  [Buffer.from('RDG_IN_DATA '), 'rdg'],
  [Buffer.from('RPC_IN_DATA '), 'rpc'],
  [Buffer.from('RPC_OUT_DATA '), 'rpc'],
];

/**
 * Decides by the first bytes of a request, at most 13. node:http supports none of these methods (MS-TSGU 2.2.3.1,
 * MS-RPCH 2.1.2.1) and gets all others. Methods are case-sensitive (RFC 9110 9.1).
 */
export function classify(bytes: Buffer): 'need-more' | Reader {
  let possible = false;
  for (const [method, reader] of METHODS) {
    const length = Math.min(bytes.length, method.length);
    if (bytes.compare(method, 0, length, 0, length) !== 0) continue;
    if (length === method.length) return reader;
    possible = true;
  }
  return possible ? 'need-more' : 'web';
}
