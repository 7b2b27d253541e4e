// A custom authenticator: decides which users may open a tunnel, and which targets they may reach. Configuration:
//
//     auth:
//       module:
//         path: ./custom-auth.mjs
//         options: { users: { alice: { token: "9f2c…", desk: "192.168.0.101" } } }
//     targets:
//       allow: [192.168.0.0/24]
//
// The request is denied if a function throws, answers later than `timeouts.decision` seconds, or returns a value of
// another shape. The types are in import('rdgw/policy').AuthenticatorFactory.
import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text) => createHash('sha256').update(text).digest();

/** @type {import('rdgw/policy').AuthenticatorFactory} */
export default ({ users = {} }) => ({
  name: 'custom',

  // Called once per tunnel. `signal` aborts at the deadline; pass it to fetch or to a database client.
  async authenticate({ token, peer }, signal) {
    signal.throwIfAborted();
    const found = Object.entries(users).find(([, user]) => timingSafeEqual(digest(user.token), digest(token)));
    if (found === undefined) return { allow: false, reason: `unknown token from ${peer}` };
    // Also possible: groups: [...], targets: ['host:port'], until: Date.now() + 8 * 3600_000
    return { allow: true, user: found[0] };
  },

  // Called for each address that is allowed by the `targets` of the verdict or, without these, by the rules in
  // `targets.allow`. The function is optional, but only it can take a right away: after a reload it decides, with the
  // new options, about the next channel of open sessions, and with `auth.whenRevoked: end` about open channels too.
  async authorize({ user }, { address }, signal) {
    signal.throwIfAborted();
    return address === users[user]?.desk
      ? { allow: true }
      : { allow: false, reason: `${address} is not the desk of ${user}` };
  },
});
