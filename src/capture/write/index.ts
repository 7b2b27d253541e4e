/** Writes the RDP streams inside tunnels as a capture file. */
export { MAX_WRITTEN, MSS, PcapWriter, RDP_PORT, type WrittenEnds } from './writer.js';
