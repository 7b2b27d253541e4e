/** How long and how much. SOAK_MINUTES is all that people set; CI sets 1, which also makes everything smaller. */

export const MINUTES = Number(process.env.SOAK_MINUTES ?? 60);
if (!(MINUTES > 0)) throw new Error('SOAK_MINUTES is a number of minutes');

/** Below this nothing is learned about endurance; it is only shown that the soak itself still works. */
const IS_SHORT = MINUTES < 10;

/** Readers that stall, on each side. */
export const STALLED = IS_SHORT ? 20 : 200;
/** Sessions opened and closed by the test that counts what is left of them. */
export const SESSIONS = IS_SHORT ? 500 : 10_000;
/** Sessions under way at one time in that test: well below the places for strangers of one address. */
export const SESSIONS_AT_ONCE = 50;
/** Short sessions under way at one time beside everything else. */
export const SHORT_LANES = 4;
/** Of each bulk flow; without it four flows would take both cores, and the rest of the soak would measure only that. */
export const BULK_BYTES_PER_SECOND = 4 * 1024 * 1024;
/** Between two round trips of an echo session. */
export const ECHO_EVERY_MS = 100;
/** Connections with garbage per second beside everything else, and in the flood. */
export const GARBAGE_PER_SECOND = 5;
export const FLOOD_PER_SECOND = 1000;
export const FLOOD_SECONDS = IS_SHORT ? 5 : 20;
/** Between two samples of the gateway: some hundreds in an hour, a dozen in the short form. */
export const SAMPLE_MS = IS_SHORT ? 2_000 : 5_000;
/** Between two forced collections of its garbage: each takes some ten milliseconds from everybody. */
export const COLLECT_MS = IS_SHORT ? 2_000 : 60_000;
