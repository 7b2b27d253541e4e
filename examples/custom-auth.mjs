// A custom authenticator: who may come, and where to? Name it in the configuration:
//
//     auth:
//       module:
//         path: ./custom-auth.mjs
//         options: { users: { alice: { token: "9f2c…", desk: "192.168.0.101" } } }
//     targets:
//       allow: [192.168.0.0/24]
//
// A throw, an answer after `timeouts.decision` seconds, and an answer of another shape deny.
// For types in an editor: import('rdgw/policy').AuthenticatorFactory
import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text) => createHash('sha256').update(text).digest();

/** @type {import('rdgw/policy').AuthenticatorFactory} */
export default ({ users = {} }) => ({
  name: 'custom',

  // Called once per tunnel. `signal` aborts at the deadline: hand it on to fetch or to a database.
  async authenticate({ token, peer }, signal) {
    signal.throwIfAborted();
    const found = Object.entries(users).find(([, user]) => timingSafeEqual(digest(user.token), digest(token)));
    if (found === undefined) return { allow: false, reason: `unknown token from ${peer}` };
    // Also possible: groups: [...], targets: ['host:port'], until: Date.now() + 8 * 3600_000
    return { allow: true, user: found[0] };
  },

  // Called for each address that the verdict's own `targets`, or else the rules in `targets.allow`, have let through. Leave it out if
  // they suffice.
  async authorize({ user }, { address }, signal) {
    signal.throwIfAborted();
    return address === users[user]?.desk
      ? { allow: true }
      : { allow: false, reason: `${address} is not the desk of ${user}` };
  },
});
