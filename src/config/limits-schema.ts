/** The settings of the sections `limits` and `timeouts`: what clients can use, and for how long. */
import { count, seconds, section } from './setting-kinds.js';

export const limits = section({
  headBytes: count(
    65_536,
    4096,
    1_048_576,
    'Maximum size of a request head, buffered for each handshake. A large Kerberos ticket fits.',
    'bytes',
  ),
  headFields: count(100, 10, 1000, 'Maximum number of header fields in a request. Real clients send about fifteen.'),
  connections: count(
    24_000,
    1,
    2_000_000,
    'Maximum number of connections. The default fits `tunnels` of two connections each plus `handshakes`. Beyond it connections without an identity are ended for new ones; without any, some new ones get 503 and the rest are closed.',
  ),
  connectionsPerAddress: count(
    4096,
    1,
    2_000_000,
    'Maximum number of connections from one address (IPv6: one /64). The default fits two thousand users behind one NAT. Trusted proxies count in total only.',
  ),
  handshakes: count(
    1024,
    1,
    100_000,
    'Maximum number of connections without an identity. Each buffers at most `headBytes`, then one packet of 64 KiB. Beyond it the one without progress for longest is ended for a new one, first in the network that has most of them.',
  ),
  handshakesPerAddress: count(
    512,
    1,
    100_000,
    'Maximum number of connections without an identity from one address (IPv6: one /64). Beyond it one without progress is ended for a new one from there. Trusted proxies count in total only.',
  ),
  handshakeRate: count(
    400,
    1,
    100_000,
    'Maximum number of TLS handshakes that each process starts in a second. Further ones wait, each address in turn. One handshake takes about 1.3 ms of CPU, so that unauthenticated clients use at most half a core.',
  ),
  handshakeRatePerAddress: count(
    200,
    1,
    100_000,
    'The same for one address (IPv6: one /64). Two thousand users who return through one NAT are served in ten seconds, or in twenty over the dual-channel transport.',
  ),
  tunnels: count(
    10_000,
    1,
    1_000_000,
    'Maximum number of tunnels. Beyond it new tunnels are refused and open ones continue.',
  ),
  tunnelsPerUser: count(
    100,
    1,
    1_000_000,
    'Maximum number of tunnels of one user, in any letter case. A hundredth of `tunnels`, and more than one person opens, also while connections that were lost still count. For an account that many people share, set it to `tunnels`. Not in mode `any`, where nobody has a name.',
  ),
  loopDelay: count(
    200,
    20,
    60_000,
    'Maximum mean delay of the event loop. Users notice 100 ms. Above it for 3 s, new connections are rejected and open sessions continue.',
    'ms',
  ),
});

export const timeouts = section({
  tls: seconds(
    10,
    1,
    120,
    'Time limit of the TLS handshake, which takes a few round trips. A silent connection must not occupy a slot.',
    {
      needsRestart: true,
    },
  ),
  head: seconds(
    10,
    1,
    120,
    'Time limit for the complete request head, even if it arrives byte by byte. Clients send it in one piece.',
  ),
  pairing: seconds(
    30,
    1,
    300,
    'How long an OUT channel waits for its IN channel. Clients open it at once, and give up after 30 s.',
  ),
  identity: seconds(
    15,
    1,
    120,
    'Time from the open transport to the token. Clients send it at once, and a connection without an identity must not occupy a slot for long.',
  ),
  setup: seconds(
    180,
    5,
    3600,
    'Time from the first packet to an open channel. Users may need minutes for a consent message or a second factor.',
  ),
  dial: seconds(
    10,
    1,
    90,
    'Time limit to connect to one address of a target, which may have several. All of them together get 25 s, because clients wait for 30 s.',
  ),
  decision: seconds(
    10,
    1,
    90,
    'Time limit of one answer of an authenticator, or of one lookup and decision about a target. Clients wait 30 to 90 s.',
  ),
  keepAlive: seconds(
    30,
    5,
    900,
    'Interval of keep-alive packets on an open channel. NAT and proxies drop connections that are idle for 60 s.',
  ),
  stall: seconds(
    120,
    10,
    3600,
    'A client or target is disconnected if it accepts less than about one megabyte of its queued data in this time, because its buffers use memory.',
  ),
  close: seconds(
    5,
    1,
    60,
    'How long a client may take to confirm the end of a channel before the gateway closes the connection.',
  ),
  drain: seconds(
    30,
    0,
    86_400,
    'How long open sessions may continue after SIGTERM or SIGINT. Service managers kill the process after 30 to 90 s.',
  ),
});
