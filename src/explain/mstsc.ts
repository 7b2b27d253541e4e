/**
 * Codes in dialogs of mstsc and Microsoft's other clients when a gateway is involved. Every row has a public source; codes without
 * one are omitted.
 */
import type { ResultName } from '../protocol/index.js';
import { GATEWAY_DIALOGS } from './mstsc-gateway.js';
import { decimals, shortHex } from './number.js';
import { RESULT_ROWS } from './results.js';
import type { DialogRow } from './rows.js';
import { type Cause, type Explanation, why } from './types.js';

const CONTROL = 'Microsoft Learn, IMsTscAxEvents::OnDisconnected';
const WIKI = 'TechNet Wiki, RDS: Remote Desktop Client Disconnect Codes and Reasons';
const REPORTS = 'no documentation; reports of users only';

/** Codes of the ActiveX control: a failure on the connection to the target or at its logon. */
const CONTROL_DIALOGS: readonly DialogRow[] = [
  {
    code: 0x3,
    name: 'disconnectReasonByServer',
    meaning: 'the server ended the connection',
    causes: [
      why(
        'The target ended the session, or the connection was lost during its set-up.',
        'Read the extended error code in the same dialog, and the logs of gateway and target at that time.',
      ),
    ],
  },
  {
    code: 0x104,
    name: 'disconnectReasonDNSLookupFailed',
    meaning: 'the client cannot resolve the name of the target',
    causes: [
      why(
        'The client tries to reach the target directly, without the gateway.',
        'Enable the gateway for this connection: gatewayusagemethod:i:1 in the .rdp file. Then only the gateway resolves the name.',
      ),
      why('The name is misspelled.', 'Use the full name or the address of the target.'),
    ],
  },
  {
    code: 0x108,
    name: 'disconnectReasonConnectionTimedOut',
    meaning: 'the connection timed out',
    causes: [
      why(
        'A firewall drops the packets to the gateway or to the target.',
        'Test the port of the gateway from the client, and the port of the target from the gateway.',
      ),
    ],
  },
  {
    code: 0x204,
    name: 'disconnectReasonSocketConnectFailed',
    meaning: 'the client could not connect',
    causes: [
      why(
        'The client tries to reach the target directly, without the gateway.',
        'Enable the gateway for this connection: gatewayusagemethod:i:1 in the .rdp file.',
      ),
      why(
        'The target is off, not on the network, or does not allow Remote Desktop.',
        'Start it, enable Remote Desktop, and test its port: nc -vz HOST 3389.',
      ),
    ],
  },
  {
    code: 0x807,
    name: 'SSL_ERR_LOGON_FAILURE',
    meaning: 'the target rejected the user name or password',
    causes: [
      why(
        'The target requires another account than the gateway.',
        'Log on to the target with an account of the target; AzureAD\\NAME and .\\NAME are different accounts.',
      ),
    ],
  },
  {
    code: 0x904,
    name: 'disconnectReasonAtClientWinsockFDCLOSE',
    meaning: 'the connection was lost',
    causes: [
      why(
        'A firewall or proxy closed the TCP connection, or a computer went to sleep.',
        'If it happens after the same idle time each time, raise the timeout of the proxy or firewall.',
      ),
    ],
  },
  {
    code: 0x1807,
    name: 'SSL_ERR_NO_AUTHENTICATING_AUTHORITY',
    meaning: 'no authority for the user can be reached',
    causes: [
      why(
        'The client cannot reach a domain controller, or the domain name is wrong.',
        'Check the domain name. Outside the domain, log on with a local account of the target, or provide a KDC proxy.',
      ),
    ],
  },
  {
    code: 0x1b07,
    name: 'SSL_ERR_CERT_EXPIRED',
    meaning: 'the certificate of the target has expired, or the clocks differ',
    causes: [
      why('The certificate has expired, or one clock is wrong.', 'Check both clocks, then renew the certificate.'),
    ],
  },
];

/** The range of dialog codes about the gateway. Some of them are shown but not documented. */
const GATEWAY_RANGE = { first: 0x3000001, last: 0x30000ff } as const;
/** Most documented codes with this low byte (SSL_ERR_…) are about credentials at the target. */
const LOGON_BYTE = 0x07;
const LOGON_MAX = 0x3007;

const ALL = [
  ...GATEWAY_DIALOGS.map((row) => explained(row, WIKI)),
  ...CONTROL_DIALOGS.map((row) => explained(row, CONTROL)),
];
const BY_CODE = new Map([...GATEWAY_DIALOGS, ...CONTROL_DIALOGS].map(({ code }, index) => [code, ALL[index]]));

/** Returns the explanations of all dialog codes with a source. */
export function dialogs(): readonly Explanation[] {
  return ALL;
}

/** Returns the explanation of a dialog code, or `undefined`. */
export function dialog(code: number): Explanation | undefined {
  return BY_CODE.get(code);
}

/** Returns the dialog codes whose message matches a result code. */
export function dialogsLike(name: ResultName): string[] {
  return GATEWAY_DIALOGS.filter(({ like }) => like === name).map(({ code }) => shortHex(code));
}

/**
 * Returns an explanation without a meaning for a dialog code that is not documented, or `undefined` for all other numbers. Dialogs
 * print hexadecimal numbers, so a small decimal number is not a dialog code.
 */
export function unsureDialog(code: number, notation: 'hex' | 'decimal'): Explanation | undefined {
  if (code >= GATEWAY_RANGE.first && code <= GATEWAY_RANGE.last) {
    return unsure(code, "a gateway error of Microsoft's clients; the meaning of the number is not documented", [
      why(
        'No public source explains this number.',
        'Read the log of the gateway at that time. Another client often reports more: xfreerdp prints the name of the result code.',
      ),
    ]);
  }
  if (notation !== 'hex' || (code & 0xff) !== LOGON_BYTE || code <= 0xff || code > LOGON_MAX) return undefined;
  return unsure(code, "a logon error of Microsoft's clients; the meaning of the number is not documented", [
    why(
      'Most documented codes that end in 07 are about the logon at the target. This one is not documented.',
      'Check user name, domain and password for the target, and whether it requires Network Level Authentication.',
    ),
  ]);
}

function unsure(code: number, meaning: string, causes: readonly Cause[]): Explanation {
  return { ...explained({ code, meaning, causes }, REPORTS), source: REPORTS };
}

function explained({ code, name, meaning, like, causes = [] }: DialogRow, source: string): Explanation {
  return {
    // Dialogs print the code without leading zeros.
    code: shortHex(code),
    names: name === undefined ? [] : [name],
    family: 'mstsc',
    meaning,
    forms: decimals(code),
    seenIn: "the dialog of mstsc and of Microsoft's other clients, also in decimal in programs that embed mstsc",
    causes: like === undefined ? causes : [...causes, ...RESULT_ROWS[like].causes],
    related: like === undefined ? [] : [like],
    source,
  };
}
