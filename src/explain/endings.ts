/** Result codes that end a session which was up: CLOSE_CHANNEL carries them in their low form. */
import type { ResultRow } from './rows.js';
import { why } from './types.js';

export const ENDINGS = {
  ERROR_ACCESS_DENIED: {
    seenIn: 'CLOSE_CHANNEL, or a response of rdpgw and other open gateways',
    causes: [
      why(
        'A packet came out of order, or a check of the gateway said no.',
        'Read the log of the gateway at that second; rdgw decode shows which packet came before.',
      ),
      why(
        'In a response this form has no top bit, so FreeRDP takes it for success and fails later with another message.',
        'Judge by the log of the gateway. A gateway ought to answer 0x80070005.',
      ),
    ],
  },
  ERROR_BAD_ARGUMENTS: {
    seenIn: 'CLOSE_CHANNEL',
    causes: [
      why(
        'The target reset the connection: it was restarted, its Remote Desktop service crashed, or it refused the client.',
        'Look into the log of the target at that second: the event log on Windows, xrdp.log and xrdp-sesman.log for xrdp.',
      ),
      why(
        'A firewall between gateway and target dropped the connection after an idle time.',
        'Raise its idle time-out, or switch TCP keep-alive on at the target.',
      ),
    ],
  },
  ERROR_OPERATION_ABORTED: {
    seenIn: 'CLOSE_CHANNEL',
    causes: [
      why(
        'The connection timer of the gateway ran out.',
        'Connect again, and raise the limit on the gateway if it comes too early.',
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
        'The gateway shuts down or restarts, or an administrator ended this session.',
        'Connect again. rdgw gives sessions timeouts.drain seconds when it is told to stop.',
      ),
      why(
        'The allowed session time is over, and the client cannot be told so because it did not offer IDLE_TIMEOUT.',
        'Connect again. With rdgw the limit comes from the authenticator that let the user in.',
      ),
    ],
  },
  E_PROXY_SESSIONTIMEOUT: {
    seenIn: 'CLOSE_CHANNEL',
    causes: [
      why(
        'The session lasted as long as the policy of the gateway allows.',
        'Connect again. On Windows the limit is on the Timeouts page of the RD CAP; with rdgw the authenticator that let the user in sets it.',
      ),
      why(
        'The user did nothing for as long as the gateway allows.',
        'Connect again, or raise the idle time-out of the RD CAP.',
      ),
    ],
  },
  E_PROXY_REAUTH_AUTHN_FAILED: {
    seenIn: 'CLOSE_CHANNEL, after REAUTH_MESSAGE',
    causes: [
      why(
        'The gateway asked who the user is once more, and the client did not answer in time or with other credentials.',
        'Connect again and type the password when the client asks. FreeRDP does not answer such a request.',
      ),
      why(
        'The account was locked, or its password changed, while the session was up.',
        'Unlock the account, or log on with the new password.',
      ),
    ],
  },
  E_PROXY_REAUTH_CAP_FAILED: {
    seenIn: 'CLOSE_CHANNEL, after REAUTH_MESSAGE',
    causes: [
      why(
        'The user no longer meets the connection policy: removed from the group, or outside the allowed hours.',
        'Compare the RD CAP with the groups of the user.',
      ),
    ],
  },
  E_PROXY_REAUTH_RAP_FAILED: {
    seenIn: 'CLOSE_CHANNEL, after REAUTH_MESSAGE',
    causes: [
      why(
        'A policy that allowed this target was changed while the session was up.',
        'Compare the RD RAP with the name that the client uses for the target.',
      ),
    ],
  },
  E_PROXY_REAUTH_NAP_FAILED: {
    seenIn: 'CLOSE_CHANNEL, after REAUTH_MESSAGE',
    causes: [
      why(
        'The health check that the gateway repeats did not pass.',
        'Switch Network Access Protection off: current Windows clients have dropped it.',
      ),
    ],
  },
  E_PROXY_SDR_NOT_SUPPORTED_BY_TS: {
    seenIn: 'a Windows gateway; we are not sure which packet carries it',
    causes: [
      why(
        'The gateway allows only targets that exchange device redirection policies with it, and this one cannot: it is old, or no Windows.',
        'Allow other targets too in the RD CAP (device redirection page), or update the target.',
      ),
    ],
  },
} as const satisfies Record<string, ResultRow>;
