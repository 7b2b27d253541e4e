/** What we use of bufferutil, which has no types of its own. Written against bufferutil 4.1. */
declare module 'bufferutil' {
  const native: { unmask(bytes: Buffer, mask: Buffer): void };
  export default native;
}
