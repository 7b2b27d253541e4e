/** What this gateway offers, stated once for its answers and its refusals. */
import { HTTP_CAPABILITY_TYPE, HTTP_EXTENDED_AUTH } from './codes.js';

/** Of what a client may offer, what the gateway does. An idle timeout of 0 minutes means none. */
export const OUR_CAPABILITIES = HTTP_CAPABILITY_TYPE.IDLE_TIMEOUT;
/** The gateway's supported set, sent whatever the client asked for (Windows sends its own set too). */
export const OUR_EXTENDED_AUTH = HTTP_EXTENDED_AUTH.PAA;
/** RDGHTTP 1.0, the only version there is (1.7.2). */
export const VERSION = { verMajor: 1, verMinor: 0 };
