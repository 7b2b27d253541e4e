/**
 * MS-TSGU, the Remote Desktop Gateway protocol, as a library without I/O.
 *
 * - `decode`, `dissect` and the packet tables (`TUNNEL_CREATE.encode(…)`) read and write single PDUs.
 * - `Framer` splits a byte stream into PDUs.
 * - `step` is the state machine that defines which side may send which PDU when.
 * - `GatewaySession` and `ClientSession` implement one side of a tunnel.
 */
export { type ClientEffect, type ClientOptions, ClientSession } from './client.js';
export { HEADER_LENGTH, type Header, type Pdu, peekHeader } from './codec.js';
export * from './codes.js';
export { decodePaaCookie, encodePaaCookie } from './cookie.js';
export type { Span } from './cursor.js';
export {
  DATA_OVERHEAD,
  DATA_PAYLOAD,
  dataPayload,
  isData,
  MAX_DATA_PDU,
  startsData,
  wrapData,
  writeDataHeader,
} from './data.js';
export {
  type Answer,
  type Effect,
  type EndCause,
  type SessionOptions,
  type SessionTimeouts,
  TARGET_CAUSE,
  type TargetEnd,
} from './effects.js';
export { LimitError, PduError, ProtocolError } from './errors.js';
export {
  type Decoded,
  type Encodable,
  type Field,
  MAX_COUNTED_BYTES,
  type Role,
  type Rows,
  type Shape,
} from './field-kinds.js';
export { type FlowState, resultOf, type Side, step } from './flow.js';
export { Framer, MAX_CONTROL_PDU, MAX_WAITING } from './framer.js';
export * from './packets.js';
export { GatewaySession } from './session.js';
