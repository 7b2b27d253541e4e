/**
 * What mstsc and Microsoft's other clients show in a dialog when a gateway is involved. Every row follows a public source;
 * a code that none explains is not here.
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

/** Codes of the control itself: they say what happened on the way to the target or at its logon. */
const CONTROL_DIALOGS: readonly DialogRow[] = [
  {
    code: 0x3,
    name: 'disconnectReasonByServer',
    meaning: 'the other side ended the connection',
    causes: [
      why(
        'The target ended the session, or the connection broke while it was set up.',
        'The extended error code in the same dialog says more. Look into the logs of gateway and target at that second.',
      ),
    ],
  },
  {
    code: 0x104,
    name: 'disconnectReasonDNSLookupFailed',
    meaning: 'the client does not resolve the name of the target',
    causes: [
      why(
        'The client tries to reach the target directly, without the gateway.',
        'Switch the gateway on for this connection: gatewayusagemethod:i:1 in the .rdp file. Then only the gateway resolves the name.',
      ),
      why('The name is misspelt.', 'Use the full name or the address of the target.'),
    ],
  },
  {
    code: 0x108,
    name: 'disconnectReasonConnectionTimedOut',
    meaning: 'the connection took too long',
    causes: [
      why(
        'A firewall drops the packets to the gateway or to the target.',
        'Try the port of the gateway from the client, and the port of the target from the gateway.',
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
        'Switch the gateway on for this connection: gatewayusagemethod:i:1 in the .rdp file.',
      ),
      why(
        'The target is off, not on the network, or does not allow Remote Desktop.',
        'Start it, enable Remote Desktop, and try its port: nc -vz HOST 3389.',
      ),
    ],
  },
  {
    code: 0x807,
    name: 'SSL_ERR_LOGON_FAILURE',
    meaning: 'the target refused the user name or password',
    causes: [
      why(
        'The target wants another account than the gateway.',
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
        'Something between client and target closed the TCP connection: a firewall, a proxy, a sleeping computer.',
        'If it comes after the same idle time each time, raise that time-out on the proxy or firewall.',
      ),
    ],
  },
  {
    code: 0x1807,
    name: 'SSL_ERR_NO_AUTHENTICATING_AUTHORITY',
    meaning: 'no authority could be reached that knows the user',
    causes: [
      why(
        'The client cannot reach a domain controller, or the domain name is wrong.',
        'Check the domain. Away from the domain, log on with a local account of the target, or offer a KDC proxy.',
      ),
    ],
  },
  {
    code: 0x1b07,
    name: 'SSL_ERR_CERT_EXPIRED',
    meaning: 'the certificate of the target has expired, or the clocks differ',
    causes: [why('The certificate is too old, or one clock is wrong.', 'Set both clocks, then renew the certificate.')],
  },
];

/** Gateway-related codes of which we know that they are shown, and not what they mean. */
const GATEWAY_RANGE = { first: 0x3000001, last: 0x30000ff } as const;
/** Most of those that Microsoft documents with this low byte (SSL_ERR_…) are about credentials at the target. */
const LOGON_BYTE = 0x07;
const LOGON_MAX = 0x3007;

const ALL = [
  ...GATEWAY_DIALOGS.map((row) => explained(row, WIKI)),
  ...CONTROL_DIALOGS.map((row) => explained(row, CONTROL)),
];
const BY_CODE = new Map([...GATEWAY_DIALOGS, ...CONTROL_DIALOGS].map(({ code }, index) => [code, ALL[index]]));

/** Every dialog code with a source. */
export function dialogs(): readonly Explanation[] {
  return ALL;
}

/** What a dialog code means; undefined when there is no such row. */
export function dialog(code: number): Explanation | undefined {
  return BY_CODE.get(code);
}

/** The dialogs whose wording fits a result code, for "see also". */
export function dialogsLike(name: ResultName): string[] {
  return GATEWAY_DIALOGS.filter(({ like }) => like === name).map(({ code }) => shortHex(code));
}

/**
 * For codes without a source: says that we are not sure, and where to look; undefined for all other numbers. Dialogs print
 * hexadecimal, so a small decimal number is none of theirs.
 */
export function unsureDialog(code: number, notation: 'hex' | 'decimal'): Explanation | undefined {
  if (code >= GATEWAY_RANGE.first && code <= GATEWAY_RANGE.last) {
    return unsure(code, "a gateway error of Microsoft's clients; we are not sure which one", [
      why(
        'No public source that we know says what this number means.',
        'Read the log of the gateway at that second. A client of another kind often says more: xfreerdp prints the name of the result code.',
      ),
    ]);
  }
  if (notation !== 'hex' || (code & 0xff) !== LOGON_BYTE || code <= 0xff || code > LOGON_MAX) return undefined;
  return unsure(code, "an error of Microsoft's clients at the logon; we are not sure which one", [
    why(
      'Most of the documented codes that end in 07 speak of the logon at the target; this one is not documented.',
      'Check user name, domain and password at the target, and whether it wants Network Level Authentication.',
    ),
  ]);
}

function unsure(code: number, meaning: string, causes: readonly Cause[]): Explanation {
  return { ...explained({ code, meaning, causes }, REPORTS), source: REPORTS };
}

function explained({ code, name, meaning, like, causes = [] }: DialogRow, source: string): Explanation {
  return {
    // The dialogs print it without leading zeros.
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
