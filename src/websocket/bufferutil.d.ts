/** The part of bufferutil 4.1 that is used here. The package has no types of its own. */
declare module 'bufferutil' {
  const native: { unmask(bytes: Buffer, mask: Buffer): void };
  export default native;
}
