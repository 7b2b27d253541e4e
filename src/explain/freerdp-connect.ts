/** ERRCONNECT, class 2 of FreeRDP's codes: a connection failed or was lost. */
import type { FreerdpRow } from './rows.js';
import { why } from './types.js';

/** xfreerdp exits with `exit`, or with 131 if a row has none. */
export const CONNECT_ROWS: readonly FreerdpRow[] = [
  {
    name: 'ERRCONNECT_PRE_CONNECT_FAILED',
    code: 0x20001,
    exit: 136,
    meaning: 'the client failed before it connected',
    causes: [
      why(
        'An option is invalid, or there is no display.',
        'Read the log lines before it. Check DISPLAY and the options.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_CONNECT_UNDEFINED',
    code: 0x20002,
    exit: 137,
    meaning: 'the connection failed for an unspecified reason',
    causes: [why('FreeRDP reports no details.', 'Run it with /log-level:DEBUG and read the log lines before it.')],
  },
  {
    name: 'ERRCONNECT_POST_CONNECT_FAILED',
    code: 0x20003,
    exit: 138,
    meaning: 'the client failed after it connected',
    causes: [
      why(
        'The window, the graphics or a virtual channel of the client failed.',
        'Try fewer options, for example without /gfx, sound and drives.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_DNS_ERROR',
    code: 0x20004,
    exit: 139,
    meaning: 'a host name could not be resolved',
    causes: [why('The DNS server does not answer.', 'Check the network of the client.')],
  },
  {
    name: 'ERRCONNECT_DNS_NAME_NOT_FOUND',
    code: 0x20005,
    exit: 140,
    meaning: 'the host name does not exist',
    causes: [
      why(
        'The name of the gateway is misspelled or does not resolve on this machine.',
        'Check it: getent hosts GATEWAY.',
      ),
      why(
        'Without a gateway the client resolves the name of the target itself.',
        'Pass the gateway: /g:HOST:PORT, in version 3 /gateway:g:HOST:PORT. Then only the gateway resolves the name of the target.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_CONNECT_FAILED',
    code: 0x20006,
    exit: 141,
    meaning: 'the TCP connection failed',
    causes: [why('The port is closed, or a firewall blocks it.', 'Test the port from the client: nc -vz HOST PORT.')],
  },
  {
    name: 'ERRCONNECT_MCS_CONNECT_INITIAL_ERROR',
    code: 0x20007,
    exit: 142,
    meaning: 'the client does not understand the first RDP response of the target',
    causes: [
      why(
        'Tunnel and TLS work, so the problem is between client and target.',
        'Read the log of the target. For xrdp, check its version and session limits.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_TLS_CONNECT_FAILED',
    code: 0x20008,
    exit: 143,
    meaning: 'the TLS connection failed',
    causes: [
      why(
        'The client does not trust the certificate of the gateway, or the certificate has another name.',
        'Pass the CA (SSL_CERT_FILE=ca.pem) and use a name from the certificate. Use /cert:ignore only to confirm this cause.',
      ),
      why(
        'The port of the gateway is closed. Version 2 reports that with this code too.',
        'Test it: openssl s_client -connect GATEWAY:PORT -servername GATEWAY.',
      ),
      why(
        'The server at that port does not use TLS, or a proxy closes the connection.',
        'The same openssl command shows the response.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_AUTHENTICATION_FAILED',
    code: 0x20009,
    exit: 132,
    meaning: 'the logon failed',
    causes: [
      why(
        'User name or password is wrong, for the gateway (/gu /gp /gd) or for the target (/u /p /d).',
        'The log line before it has the stage: core.gateway is the gateway, core.nla the target.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_INSUFFICIENT_PRIVILEGES',
    code: 0x2000a,
    exit: 144,
    meaning: 'the user may not log on over Remote Desktop',
    causes: [
      why(
        'The user is not allowed to use Remote Desktop.',
        'Add the user to the group Remote Desktop Users on the target.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_CONNECT_CANCELLED',
    code: 0x2000b,
    exit: 145,
    meaning: 'the connection was cancelled',
    causes: [
      why(
        'The user cancelled it, or a prompt for a certificate, password or consent had no terminal.',
        'Answer the prompt in a terminal, or pass the answer as an option (/p, /gp, /cert).',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_SECURITY_NEGO_CONNECT_FAILED',
    code: 0x2000c,
    exit: 133,
    meaning: 'the connection to the target failed',
    causes: [
      why(
        'The gateway, or a proxy in front of it, answered with an HTTP error such as 403 or 500.',
        'The log of the client has the status before this line. rdgw logs "request rejected" with the reason.',
      ),
      why('Target and client support no common security protocol, such as NLA or TLS.', 'Try /sec:nla, then /sec:tls.'),
      why(
        'The client fell back to RPC over HTTP, which the gateway does not support.',
        'Select the HTTP transport: /gt:http, in version 3 /gateway:type:http.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_CONNECT_TRANSPORT_FAILED',
    code: 0x2000d,
    exit: 147,
    meaning: 'the connection was lost',
    causes: [
      why(
        'The gateway or the target closed it. Without a gateway, the port of the target may be closed.',
        'An E_PROXY_… name before this line is the real reason: run rdgw explain with it. Otherwise read the log of the gateway.',
      ),
      why(
        'A proxy between client and gateway buffers data, or closes long connections.',
        'Try without the proxy, and with the other transport: /gt:http,no-websockets.',
      ),
    ],
  },
  account('ERRCONNECT_PASSWORD_EXPIRED', 0x2000e, 148, 'the password must be changed first'),
  account('ERRCONNECT_PASSWORD_CERTAINLY_EXPIRED', 0x2000f, 152, 'the password must be changed first'),
  account('ERRCONNECT_CLIENT_REVOKED', 0x20010, 153, 'the Kerberos credentials of the account were revoked'),
  {
    name: 'ERRCONNECT_KDC_UNREACHABLE',
    code: 0x20011,
    exit: 150,
    meaning: 'no Kerberos server can be reached',
    causes: [
      why(
        'A client outside the network reaches the gateway but not the domain controller.',
        'Use NTLM (in version 3 /auth-pkg-list:ntlm,!kerberos), or a KDC proxy.',
      ),
    ],
  },
  account('ERRCONNECT_ACCOUNT_DISABLED', 0x20012, 151, 'the account is disabled'),
  account('ERRCONNECT_PASSWORD_MUST_CHANGE', 0x20013, 149, 'the password must be changed first'),
  {
    name: 'ERRCONNECT_LOGON_FAILURE',
    code: 0x20014,
    exit: 134,
    meaning: 'the target rejected the logon',
    causes: [
      why(
        'User name or password is wrong for the target.',
        'Check /u /p /d. The options for the gateway are /gu /gp /gd.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_WRONG_PASSWORD',
    code: 0x20015,
    exit: 154,
    meaning: 'the password is wrong',
    causes: [why('The target rejected the password.', 'Check /p and the keyboard layout.')],
  },
  {
    name: 'ERRCONNECT_ACCESS_DENIED',
    code: 0x20016,
    exit: 155,
    meaning: 'access denied, usually HTTP 401 from the gateway',
    causes: [
      why(
        'The gateway requires an access token and the client sent a user name and password.',
        'Open the .rdp file of the gateway, or pass the token: /gat:TOKEN, in version 3 access-token:TOKEN within /gateway:.',
      ),
      why(
        'User name or password for the gateway is wrong.',
        'Check /gu /gp /gd, in version 3 u: p: d: within /gateway:.',
      ),
      why(
        'A proxy in front of the gateway breaks NTLM, whose steps must stay on one connection.',
        'Keep one upstream connection per client in the proxy, or use tokens.',
      ),
    ],
  },
  account(
    'ERRCONNECT_ACCOUNT_RESTRICTION',
    0x20017,
    156,
    'an account restriction, such as an empty password or the group Protected Users, does not allow the logon',
  ),
  account('ERRCONNECT_ACCOUNT_LOCKED_OUT', 0x20018, 135, 'the account is locked after too many wrong passwords'),
  account('ERRCONNECT_ACCOUNT_EXPIRED', 0x20019, 157, 'the account has expired'),
  account(
    'ERRCONNECT_LOGON_TYPE_NOT_GRANTED',
    0x2001a,
    158,
    'the right to log on through Remote Desktop Services is missing',
  ),
  {
    name: 'ERRCONNECT_NO_OR_MISSING_CREDENTIALS',
    code: 0x2001b,
    exit: 159,
    meaning: 'the credentials are missing or incomplete',
    causes: [why('User name or password is missing.', 'Pass /u and /p, and /gu and /gp if the gateway requires them.')],
  },
  {
    name: 'ERRCONNECT_ACTIVATION_TIMEOUT',
    code: 0x2001c,
    meaning: 'the target did not activate the session in time',
    causes: [
      why(
        'The target is slow, or its session does not start.',
        'Read the log of the target, or wait longer with /timeout:MS.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_TARGET_BOOTING',
    code: 0x2001d,
    exit: 160,
    meaning: 'the target is still starting',
    causes: [why('The target is booting.', 'Wait a minute and connect again.')],
  },
];

/** A row for an account problem that the target reports at the logon. */
function account(name: string, code: number, exit: number, meaning: string): FreerdpRow {
  const fix = 'Ask the administrator of the accounts of the target. The gateway is not involved.';
  return { name, code, exit, meaning, causes: [why('The target reported it at the logon.', fix)] };
}
