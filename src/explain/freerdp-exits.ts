/** FreeRDP's names for the reasons with which a target ends a session, and exit codes of xfreerdp that are not in its log. */
import type { FreerdpRow } from './rows.js';
import { why } from './types.js';

/** Class 1, ERRINFO: the target ends the session with a reason. The gateway is not involved. */
export const FREERDP_ENDINGS: readonly FreerdpRow[] = [
  {
    name: 'ERRINFO_RPC_INITIATED_DISCONNECT',
    code: 0x10001,
    exit: 1,
    meaning: 'an administrator of the target disconnected the session',
    causes: [why('An administrator used a tool on the target.', 'Ask the administrator, or connect again.')],
  },
  {
    name: 'ERRINFO_RPC_INITIATED_LOGOFF',
    code: 0x10002,
    exit: 2,
    meaning: 'the user was logged off',
    causes: [why('An administrator of the target, or the user, logged off.', 'Connect again.')],
  },
  {
    name: 'ERRINFO_IDLE_TIMEOUT',
    code: 0x10003,
    exit: 3,
    meaning: 'the idle limit of the target was reached',
    causes: [
      why('The user was idle for longer than the target allows.', 'Connect again, or raise the limit at the target.'),
    ],
  },
  {
    name: 'ERRINFO_LOGON_TIMEOUT',
    code: 0x10004,
    exit: 4,
    meaning: 'the time limit of the target for a session was reached',
    causes: [
      why('The session reached the time limit of the target.', 'Connect again, or raise the limit at the target.'),
    ],
  },
  {
    name: 'ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION',
    code: 0x10005,
    exit: 5,
    meaning: 'another connection took over the session',
    causes: [why('The same user connected from elsewhere.', 'Use one client at a time, or one account per client.')],
  },
  {
    name: 'ERRINFO_OUT_OF_MEMORY',
    code: 0x10006,
    exit: 6,
    meaning: 'the target has too little memory',
    causes: [why('The target is overloaded.', 'Free memory on it.')],
  },
  {
    name: 'ERRINFO_SERVER_DENIED_CONNECTION',
    code: 0x10007,
    exit: 7,
    meaning: 'the target denied the connection',
    causes: [why('A rule or limit of the target does not allow it.', 'Read the log of the target.')],
  },
  {
    name: 'ERRINFO_SERVER_INSUFFICIENT_PRIVILEGES',
    code: 0x10009,
    exit: 9,
    meaning: 'the user may not log on over Remote Desktop',
    causes: [
      why(
        'The user is not allowed to use Remote Desktop.',
        'Add the user to the group Remote Desktop Users on the target.',
      ),
    ],
  },
  {
    name: 'ERRINFO_SERVER_FRESH_CREDENTIALS_REQUIRED',
    code: 0x1000a,
    exit: 10,
    meaning: 'the target does not accept saved credentials',
    causes: [
      why(
        'A policy of the target requires the user to enter the password.',
        'Enter the password instead of a stored one.',
      ),
    ],
  },
  {
    name: 'ERRINFO_RPC_INITIATED_DISCONNECT_BY_USER',
    code: 0x1000b,
    exit: 11,
    meaning: 'the user disconnected the session',
    causes: [why('The user chose Disconnect within the session.', 'Nothing is wrong.')],
  },
  {
    name: 'ERRINFO_LOGOFF_BY_USER',
    code: 0x1000c,
    exit: 12,
    meaning: 'the user logged off',
    causes: [why('The user signed out within the session.', 'Nothing is wrong.')],
  },
];

export const XFREERDP_EXITS: readonly FreerdpRow[] = [
  {
    name: 'XF_EXIT_SUCCESS',
    exit: 0,
    meaning: 'success',
    causes: [why('The client was closed normally.', 'Nothing is wrong.')],
  },
  {
    name: 'XF_EXIT_CONN_FAILED',
    exit: 131,
    meaning: 'the connection failed for a reason that has no separate exit code',
    causes: [
      why(
        'The gateway rejected the connection. Every E_PROXY_… result code gives this exit code.',
        'Find the name in the log of the client (freerdp_set_last_error), and run rdgw explain with it.',
      ),
      why('Another error occurred.', 'Read the last ERROR lines of the log. /log-level:DEBUG gives more details.'),
    ],
  },
  commandLine('XF_EXIT_PARSE_ARGUMENTS', 128, 'the command line of xfreerdp is wrong'),
  commandLine('COMMAND_LINE_ERROR_UNEXPECTED_VALUE', 22, 'an option of xfreerdp has an invalid value'),
  commandLine('COMMAND_LINE_ERROR_NO_KEYWORD', 23, 'xfreerdp does not know an option'),
  commandLine('COMMAND_LINE_ERROR', 24, 'the command line of xfreerdp is wrong'),
  {
    name: 'XF_EXIT_MEMORY',
    exit: 129,
    meaning: 'the client has too little memory',
    causes: [why('The client ran out of memory.', 'Free memory, or use a smaller desktop (/size).')],
  },
  {
    name: 'XF_EXIT_PROTOCOL',
    exit: 130,
    meaning: 'a protocol error; a shell also reports 130 for a program ended with Ctrl+C',
    causes: [why('Usually the user pressed Ctrl+C.', 'Otherwise read the log of the client.')],
  },
  {
    name: 'XF_EXIT_RDP',
    exit: 32,
    meaning: 'the target ended the session with an error of the RDP protocol',
    causes: [
      why(
        'Client and target are not compatible.',
        'The ERRINFO_… name in the log has the reason. The gateway is not involved.',
      ),
    ],
  },
  {
    name: 'XF_EXIT_UNKNOWN',
    exit: 255,
    meaning: 'an error that has no other exit code of xfreerdp',
    causes: [why('FreeRDP reports no details.', 'Read its log. /log-level:DEBUG gives more details.')],
  },
];

/** A negative status code of the parser becomes its low byte: -1000 is 24. */
function commandLine(name: string, exit: number, meaning: string): FreerdpRow {
  const cause = 'An option is misspelled, or belongs to another major version: 2 has /g /gu /gat, 3 has /gateway:.';
  return { name, exit, meaning, causes: [why(cause, 'Compare with xfreerdp /help.')] };
}
