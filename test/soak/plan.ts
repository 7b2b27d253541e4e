/** Durations and loads. SOAK_MINUTES is the only setting. CI sets it to 1, which also reduces the loads. */

export const MINUTES = Number(process.env.SOAK_MINUTES ?? 60);
if (!(MINUTES > 0)) throw new Error('SOAK_MINUTES must be a number of minutes above 0');

/** A short run says nothing about endurance. It only verifies that the soak itself works. */
const IS_SHORT = MINUTES < 10;

/** Stalled readers on each side. */
export const STALLED = IS_SHORT ? 20 : 200;
/** Sessions that are opened and closed by the test for leaks. */
export const SESSIONS = IS_SHORT ? 500 : 10_000;
/** Concurrent sessions of that test, well below the limit of unauthenticated connections per address. */
export const SESSIONS_AT_ONCE = 50;
/** Concurrent short sessions in mixed traffic. */
export const SHORT_SESSION_LOOPS = 4;
/** The rate of each bulk flow. Without a limit four flows would use both cores and dominate all other figures. */
export const BULK_BYTES_PER_SECOND = 4 * 1024 * 1024;
/** The pause between two round trips of an echo session. */
export const ECHO_EVERY_MS = 100;
/** Garbage connections per second in mixed traffic, and in the flood. */
export const GARBAGE_PER_SECOND = 5;
export const FLOOD_PER_SECOND = 1000;
export const FLOOD_SECONDS = IS_SHORT ? 5 : 20;
/** The interval of samples of the gateway: some hundreds in an hour, a dozen in a short run. */
export const SAMPLE_MS = IS_SHORT ? 2_000 : 5_000;
/** The interval of forced garbage collections. Each one blocks the gateway for some ten milliseconds. */
export const COLLECT_MS = IS_SHORT ? 2_000 : 60_000;
/** Connections of each flood without an identity, and how many of them it opens in a second. */
export const FLOOD_CONNECTIONS = IS_SHORT ? [1_024] : [1_024, 5_000, 10_000];
export const RENEWALS_PER_SECOND = 2_000;
/** How long 1,024 silent connections are renewed beside log-ons. */
export const RENEWAL_SECONDS = IS_SHORT ? 10 : 60;
