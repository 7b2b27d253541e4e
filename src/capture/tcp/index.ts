/** TCP on the way down: segments in the order of the capture become two byte streams for each connection. */
export { type OpenConnection, TCP_LIMITS, TcpAssembler, type TcpLimits } from './assembler.js';
