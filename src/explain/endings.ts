/** Result codes that end an open session. CLOSE_CHANNEL has them in their low form. */
import type { ResultRow } from './rows.js';
import { why } from './types.js';

export const ENDINGS = {
  ERROR_ACCESS_DENIED: {
    seenIn: 'CLOSE_CHANNEL, or a response of rdpgw and other open gateways',
    causes: [
      why(
        'The client sent a packet out of order, or a check of the gateway failed.',
        'Read the log of the gateway at that time. rdgw decode shows the packet before it.',
      ),
      why(
        'The top bit of this form is not set, so FreeRDP treats a response with it as success and fails later with another message.',
        'Read the log of the gateway. A gateway should answer 0x80070005.',
      ),
    ],
  },
  ERROR_BAD_ARGUMENTS: {
    seenIn: 'CLOSE_CHANNEL',
    causes: [
      why(
        'The target reset the connection: it was restarted, its Remote Desktop service crashed, or it rejected the client.',
        'Read the log of the target at that time: the event log on Windows, xrdp.log and xrdp-sesman.log for xrdp.',
      ),
      why(
        'A firewall between gateway and target closed the connection because it was idle.',
        'Raise the idle timeout of the firewall, or enable TCP keep-alive on the target.',
      ),
    ],
  },
  ERROR_OPERATION_ABORTED: {
    seenIn: 'CLOSE_CHANNEL',
    causes: [
      why(
        'The connection timer of the gateway expired.',
        'Connect again. Raise the limit on the gateway if it is too low.',
      ),
    ],
  },
  ERROR_GRACEFUL_DISCONNECT: {
    seenIn: 'the end of a session over RPC; over HTTP the answer is 0 instead',
    causes: [why('The user closed the client or signed out.', 'Nothing is wrong.')],
  },
  ERROR_CONNECTION_ABORTED: {
    seenIn: 'CLOSE_CHANNEL',
    causes: [
      why(
        'The gateway is shutting down or restarting, or an administrator ended the session.',
        'Connect again. When rdgw stops, open sessions continue for timeouts.drain seconds.',
      ),
      why(
        'The right of the session has ended: its key, its line in the token list or its rule was removed.',
        'With rdgw the log has "session revoked" with the reason. It happens only with auth.whenRevoked: end.',
      ),
      why(
        'The session reached its time limit. The gateway sends this code if the client did not offer IDLE_TIMEOUT.',
        'Connect again. With rdgw the authenticator sets the limit.',
      ),
    ],
  },
  E_PROXY_SESSIONTIMEOUT: {
    seenIn: 'CLOSE_CHANNEL',
    causes: [
      why(
        'The session reached the time limit of the gateway policy.',
        'Connect again. On Windows the limit is on the Timeouts page of the RD CAP; with rdgw the authenticator sets it.',
      ),
      why(
        'The user was idle for longer than the gateway allows.',
        'Connect again, or raise the idle timeout in the RD CAP.',
      ),
    ],
  },
  E_PROXY_REAUTH_AUTHN_FAILED: {
    seenIn: 'CLOSE_CHANNEL, after REAUTH_MESSAGE',
    causes: [
      why(
        'The gateway requested authentication again, and the client did not answer in time or used other credentials.',
        'Connect again and enter the password when the client asks for it. FreeRDP does not answer such a request.',
      ),
      why(
        'The account was locked, or its password was changed, during the session.',
        'Unlock the account, or log on with the new password.',
      ),
    ],
  },
  E_PROXY_REAUTH_CAP_FAILED: {
    seenIn: 'CLOSE_CHANNEL, after REAUTH_MESSAGE',
    causes: [
      why(
        'The connection policy no longer allows the user: the user was removed from the group, or it is outside the allowed hours.',
        'Compare the RD CAP with the groups of the user.',
      ),
    ],
  },
  E_PROXY_REAUTH_RAP_FAILED: {
    seenIn: 'CLOSE_CHANNEL, after REAUTH_MESSAGE',
    causes: [
      why(
        'A policy that allowed this target was changed during the session.',
        'Compare the RD RAP with the name that the client uses for the target.',
      ),
    ],
  },
  E_PROXY_REAUTH_NAP_FAILED: {
    seenIn: 'CLOSE_CHANNEL, after REAUTH_MESSAGE',
    causes: [
      why(
        'The repeated health check of the gateway failed.',
        'Disable Network Access Protection. Current Windows clients do not support it.',
      ),
    ],
  },
  E_PROXY_SDR_NOT_SUPPORTED_BY_TS: {
    seenIn: 'a Windows gateway; it is not known in which packet',
    causes: [
      why(
        'The gateway allows only targets that exchange device redirection policies with it. This target cannot: it is old or does not run Windows.',
        'Allow other targets too in the RD CAP (device redirection page), or update the target.',
      ),
    ],
  },
} as const satisfies Record<string, ResultRow>;
