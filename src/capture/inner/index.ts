/** The RDP connection inside DATA, up to the negotiation of its security protocol. */
export { type InnerEvent, InnerReader, MAX_INNER_HELD, type SecurityLabel } from './reader.js';
export type { ConfirmFields, FailureFields, NamedFlags, RequestFields } from './x224.js';
