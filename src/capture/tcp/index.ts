/** TCP reassembly: turns segments in capture order into two byte streams per connection. */
export { type OpenConnection, TCP_LIMITS, TcpAssembler, type TcpLimits } from './assembler.js';
