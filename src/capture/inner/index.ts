/** The RDP connection inside DATA: the negotiation of its security, and nothing deeper. */
export { type InnerEvent, InnerReader, MAX_INNER_HELD, type SecurityLabel } from './reader.js';
export type { ConfirmFields, FailureFields, NamedFlags, RequestFields } from './x224.js';
