/** The protocol version and the features that the gateway announces in its responses. */
import { HTTP_CAPABILITY_TYPE, HTTP_EXTENDED_AUTH } from './codes.js';

/** HTTP_CAPABILITY_TYPE flags that the gateway supports. It sends an idle timeout of 0 minutes, which means none. */
export const SUPPORTED_CAPABILITIES = HTTP_CAPABILITY_TYPE.IDLE_TIMEOUT;
/**
 * HTTP_EXTENDED_AUTH flags that the gateway supports. It sends them regardless of the client's request, as Windows
 * does.
 */
export const SUPPORTED_EXTENDED_AUTH = HTTP_EXTENDED_AUTH.PAA;
/** RDGHTTP 1.0, the only version that the specification defines (1.7.2). */
export const VERSION = { verMajor: 1, verMinor: 0 };
