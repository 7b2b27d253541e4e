/** ERRCONNECT, class 2 of FreeRDP's codes: what kept a connection from coming about, or broke it. */
import type { FreerdpRow } from './rows.js';
import { why } from './types.js';

/** xfreerdp exits with `exit`, or 131 where a row has none. */
export const CONNECT_ROWS: readonly FreerdpRow[] = [
  {
    name: 'ERRCONNECT_PRE_CONNECT_FAILED',
    code: 0x20001,
    exit: 136,
    meaning: 'the client did not get as far as connecting',
    causes: [
      why(
        'An option is wrong, or there is no display.',
        'Read the lines above it in the log, and check DISPLAY and the options.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_CONNECT_UNDEFINED',
    code: 0x20002,
    exit: 137,
    meaning: 'the connection failed in a way that has no name',
    causes: [why('FreeRDP does not say more.', 'Run it with /log-level:DEBUG and read what comes before.')],
  },
  {
    name: 'ERRCONNECT_POST_CONNECT_FAILED',
    code: 0x20003,
    exit: 138,
    meaning: 'connected, and then the client could not go on',
    causes: [
      why(
        'The window, the graphics or a channel of the client failed.',
        'Try fewer options: without /gfx, sound, drives and the like.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_DNS_ERROR',
    code: 0x20004,
    exit: 139,
    meaning: 'a name could not be looked up',
    causes: [why('The name server does not answer.', 'Check the network of the client.')],
  },
  {
    name: 'ERRCONNECT_DNS_NAME_NOT_FOUND',
    code: 0x20005,
    exit: 140,
    meaning: 'there is no such name',
    causes: [
      why('The name of the gateway is misspelt or not known here.', 'Check it: getent hosts GATEWAY.'),
      why(
        'Without a gateway the client looks up the target itself.',
        'Pass the gateway: /g:HOST:PORT, in version 3 /gateway:g:HOST:PORT. Then the name of the target matters to the gateway alone.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_CONNECT_FAILED',
    code: 0x20006,
    exit: 141,
    meaning: 'the TCP connection failed',
    causes: [
      why('Nothing listens there, or a firewall is in between.', 'Try the port from the client: nc -vz HOST PORT.'),
    ],
  },
  {
    name: 'ERRCONNECT_MCS_CONNECT_INITIAL_ERROR',
    code: 0x20007,
    exit: 142,
    meaning: 'the target answered the first RDP request in a way the client does not understand',
    causes: [
      why(
        'Tunnel and TLS are up, so this is between client and target.',
        'Read the log of the target; for xrdp, check its versions and session limits.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_TLS_CONNECT_FAILED',
    code: 0x20008,
    exit: 143,
    meaning: 'no TLS connection came about',
    causes: [
      why(
        'The client does not trust the certificate of the gateway, or its name differs.',
        'Give it the CA (SSL_CERT_FILE=ca.pem) and use a name from the certificate. /cert:ignore proves that it is this, and is no cure.',
      ),
      why(
        'The port of the gateway is closed: version 2 reports that with this name too.',
        'Try it: openssl s_client -connect GATEWAY:PORT -servername GATEWAY.',
      ),
      why(
        'Something else than TLS listens there, or a proxy hangs up.',
        'The same openssl command shows what answers.',
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
        'User name or password is wrong, at the gateway (/gu /gp /gd) or at the target (/u /p /d).',
        'The log names the stage just before: core.gateway is the gateway, core.nla the target.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_INSUFFICIENT_PRIVILEGES',
    code: 0x2000a,
    exit: 144,
    meaning: 'the user may not log on over Remote Desktop',
    causes: [why('The target knows the user and does not let them in.', 'Add them to the group Remote Desktop Users.')],
  },
  {
    name: 'ERRCONNECT_CONNECT_CANCELLED',
    code: 0x2000b,
    exit: 145,
    meaning: 'the connection was cancelled',
    causes: [
      why(
        'Somebody pressed cancel, or nobody could: a question about a certificate, password or consent had no terminal.',
        'Answer it in a terminal, or give the answer as an option (/p, /gp, /cert).',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_SECURITY_NEGO_CONNECT_FAILED',
    code: 0x2000c,
    exit: 133,
    meaning: 'the way to the target did not come about',
    causes: [
      why(
        'The gateway, or a proxy before it, answered with an HTTP error such as 403 or 500.',
        'The log of the client has the status above this line; rdgw logs "request refused" with the reason.',
      ),
      why('Target and client agree on no security: one wants NLA, the other TLS.', 'Try /sec:nla, then /sec:tls.'),
      why(
        'The client fell back to RPC over HTTP, which the gateway does not speak.',
        'Ask for the other transport: /gt:http, in version 3 /gateway:type:http.',
      ),
    ],
  },
  {
    name: 'ERRCONNECT_CONNECT_TRANSPORT_FAILED',
    code: 0x2000d,
    exit: 147,
    meaning: 'the connection broke',
    causes: [
      why(
        'The gateway or the target closed it; without a gateway also: the port of the target is closed.',
        'An E_PROXY_… name above this line is the real reason: rdgw explain it. Otherwise read the log of the gateway.',
      ),
      why(
        'A proxy between client and gateway buffers, or cuts long connections.',
        'Try without the proxy, and with the other transport: /gt:http,no-websockets.',
      ),
    ],
  },
  account('ERRCONNECT_PASSWORD_EXPIRED', 0x2000e, 148, 'the password must be changed first'),
  account('ERRCONNECT_PASSWORD_CERTAINLY_EXPIRED', 0x2000f, 152, 'the password must be changed first'),
  account('ERRCONNECT_CLIENT_REVOKED', 0x20010, 153, 'its Kerberos credentials were revoked'),
  {
    name: 'ERRCONNECT_KDC_UNREACHABLE',
    code: 0x20011,
    exit: 150,
    meaning: 'no Kerberos server can be reached',
    causes: [
      why(
        'From outside, a client reaches the gateway and not the domain controller.',
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
    meaning: 'the target refused the logon',
    causes: [
      why('User name or password is wrong at the target.', 'Check /u /p /d; the gateway has its own /gu /gp /gd.'),
    ],
  },
  {
    name: 'ERRCONNECT_WRONG_PASSWORD',
    code: 0x20015,
    exit: 154,
    meaning: 'the password is wrong',
    causes: [why('The target refused the password.', 'Check /p, and the keyboard layout it was typed with.')],
  },
  {
    name: 'ERRCONNECT_ACCESS_DENIED',
    code: 0x20016,
    exit: 155,
    meaning: 'access denied; mostly HTTP 401 from the gateway',
    causes: [
      why(
        'The gateway takes access tokens and the client came with a user name and password.',
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
    'a restriction such as an empty password or Protected Users forbids this logon',
  ),
  account('ERRCONNECT_ACCOUNT_LOCKED_OUT', 0x20018, 135, 'too many wrong passwords locked the account'),
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
    meaning: 'no credentials, or not all of them',
    causes: [why('User name or password is missing.', 'Pass /u and /p, and /gu and /gp where the gateway wants them.')],
  },
  {
    name: 'ERRCONNECT_ACTIVATION_TIMEOUT',
    code: 0x2001c,
    meaning: 'the target did not finish the set-up in time',
    causes: [
      why(
        'The target is slow or its session does not start.',
        'Look into the log of the target; /timeout:MS waits longer.',
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

/** What the target says of an account at its logon. */
function account(name: string, code: number, exit: number, meaning: string): FreerdpRow {
  const fix = 'Ask whoever keeps the accounts of the target; the gateway has no part in it.';
  return { name, code, exit, meaning, causes: [why('The target says so at the logon.', fix)] };
}
