/** The streams inside tunnels, written as a capture of their own. */
export { MAX_WRITTEN, MSS, PcapWriter, RDP_PORT, type WrittenEnds } from './writer.js';
