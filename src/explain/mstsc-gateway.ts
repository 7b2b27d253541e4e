/** Dialog codes 0x30000xx, which are about the gateway. The wording is ours, the meaning is that of Microsoft's message. */
import type { DialogRow } from './rows.js';
import { type Cause, why } from './types.js';

const CERTIFICATE: readonly Cause[] = [
  why(
    'The name that the client uses for the gateway is not in the certificate.',
    'Use a name from the certificate in gatewayhostname, or issue one with that name: rdgw certs init --host NAME. mstsc has no option to ignore it.',
  ),
  why(
    'The client does not trust the CA that issued the certificate.',
    'Install the CA on the client. It is ca.pem in the data folder of rdgw. On Windows the store is Trusted Root Certification Authorities.',
  ),
  why('The certificate has expired or was revoked.', 'Renew it, and check the clock of the client.'),
];
const CREDENTIALS: readonly Cause[] = [
  why(
    'User name, domain or password for the gateway is wrong. The gateway may require another account than the target.',
    'Enter DOMAIN\\NAME and the password again, and remove the stored credentials of the gateway (Credential Manager).',
  ),
];
const UNREACHABLE: readonly Cause[] = [
  why(
    'The name of the gateway does not resolve, its port is closed, or a firewall blocks it.',
    'Test it from the client: nc -vz GATEWAY 443, or Test-NetConnection GATEWAY -Port 443 on Windows.',
  ),
  why(
    'The gateway listens on another port than 443, and the .rdp file does not have the port.',
    'Set gatewayhostname:s:HOST:PORT in the .rdp file.',
  ),
];
const BROKEN: readonly Cause[] = [
  why(
    'The gateway was restarted, or a proxy or firewall in front of it closed the connection.',
    'Connect again. If it happens after the same time each time, raise the timeout of the proxy.',
  ),
];
const PROXY: readonly Cause[] = [
  why(
    'A web proxy between client and gateway blocks the connection.',
    'Allow HTTPS to the gateway without authentication in the proxy, or bypass the proxy.',
  ),
];
const SMART_CARD: readonly Cause[] = [
  why(
    'The connection requires a smart card, and the client has no usable one.',
    'Insert the card and check its reader and service, or use a password: gatewaycredentialssource:i:0 in the .rdp file.',
  ),
];

export const GATEWAY_DIALOGS: readonly DialogRow[] = [
  { code: 0x3000001, meaning: 'the user name or password is wrong', causes: CREDENTIALS },
  {
    code: 0x3000002,
    meaning: 'the revocation list for the certificate of the gateway cannot be checked',
    causes: [
      why(
        'The client cannot reach the address of the revocation list in the certificate.',
        'Make that address reachable, or use a certificate without one. Certificates of rdgw have none.',
      ),
    ],
  },
  { code: 0x3000003, meaning: 'the client does not accept the certificate of the gateway', causes: CERTIFICATE },
  { code: 0x3000004, meaning: 'the certificate of the gateway was revoked', causes: CERTIFICATE.slice(2) },
  { code: 0x3000005, meaning: 'the client cannot verify the identity of the gateway', causes: CERTIFICATE },
  { code: 0x3000006, meaning: 'the name of the gateway is not in its certificate', causes: CERTIFICATE.slice(0, 1) },
  {
    code: 0x3000007,
    meaning: 'the certificate of the gateway has expired or was revoked',
    causes: CERTIFICATE.slice(2),
  },
  {
    code: 0x3000008,
    meaning: 'an error at the target computer',
    causes: [
      why(
        'The gateway accepted the user, but the connection to the target failed.',
        'Read the log of the gateway. rdgw logs "channel refused".',
      ),
      why(
        'Clients for Mac, iOS and Android have shown it when a proxy in front of the gateway closed the connection.',
        'Try the gateway without the proxy.',
      ),
    ],
  },
  { code: 0x3000009, meaning: 'sending to the gateway failed', causes: BROKEN },
  { code: 0x300000a, meaning: 'receiving from the gateway failed', causes: BROKEN },
  {
    code: 0x300000b,
    meaning: 'the gateway requires another authentication method',
    like: 'E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD',
  },
  { code: 0x300000c, meaning: 'the gateway cannot be reached, or its address is wrong', causes: UNREACHABLE },
  {
    code: 0x300000d,
    meaning: 'the gateway is temporarily not available',
    causes: [
      why(
        'The gateway is not running, is overloaded, or is shutting down.',
        'Check the service. rdgw answers HTTP 503 while it drains and when limits.tunnels is reached.',
      ),
      ...UNREACHABLE.slice(0, 1),
    ],
  },
  {
    code: 0x300000f,
    meaning: 'the gateway has too little memory or other resources',
    causes: [why('The gateway is overloaded.', 'Free resources on it, then connect again.')],
  },
  { code: 0x3000013, meaning: 'there is no smart card', causes: SMART_CARD },
  { code: 0x3000014, meaning: 'the smart card was removed', causes: SMART_CARD },
  { code: 0x3000015, meaning: 'the user name or password is not valid', causes: CREDENTIALS },
  {
    code: 0x3000017,
    meaning: 'a security package failed in the transport layer',
    causes: [
      why(
        'Client and gateway have no authentication method in common, or a proxy between them breaks NTLM or Kerberos.',
        'Keep one connection per client in the proxy, or let the gateway terminate TLS itself.',
      ),
    ],
  },
  { code: 0x3000018, meaning: 'the gateway ended the connection', causes: BROKEN },
  {
    code: 0x3000019,
    meaning: 'the administrator of the gateway ended the connection',
    like: 'ERROR_CONNECTION_ABORTED',
  },
  { code: 0x300001a, meaning: 'the credentials are wrong, or the smart card is unknown', causes: CREDENTIALS },
  { code: 0x300001b, meaning: 'this user may not reach this computer', like: 'E_PROXY_RAP_ACCESSDENIED' },
  { code: 0x300001c, meaning: 'this user or computer may not use the gateway', like: 'E_PROXY_NAP_ACCESSDENIED' },
  {
    code: 0x300001f,
    meaning: 'the administrator has restricted access to this gateway',
    like: 'E_PROXY_NAP_ACCESSDENIED',
  },
  { code: 0x3000020, meaning: 'the web proxy requires authentication', causes: PROXY },
  {
    code: 0x3000021,
    meaning: 'the password has expired or must be changed',
    causes: [
      why(
        'The account may not log on before its password is changed.',
        'Change the password in another way, then connect again.',
      ),
    ],
  },
  {
    code: 0x3000022,
    meaning: 'the gateway has reached its maximum number of connections',
    like: 'E_PROXY_MAXCONNECTIONSREACHED',
  },
  { code: 0x3000023, meaning: 'the gateway does not support the request', like: 'E_PROXY_NOTSUPPORTED' },
  {
    code: 0x3000024,
    meaning: 'the client lacks a capability that the gateway requires',
    like: 'E_PROXY_CAPABILITYMISMATCH',
  },
  {
    code: 0x3000025,
    meaning: 'the gateway and this computer are not compatible',
    causes: [
      why(
        'Client and gateway support no common version of the protocol.',
        'Update the older one. rdgw decode shows the versions in the HANDSHAKE packets.',
      ),
    ],
  },
  { code: 0x3000026, meaning: 'the credentials are not valid', causes: [...CREDENTIALS, ...SMART_CARD] },
  { code: 0x3000027, meaning: 'the client failed the health check', like: 'E_PROXY_QUARANTINE_ACCESSDENIED' },
  { code: 0x3000028, meaning: 'the gateway has no certificate to use', like: 'E_PROXY_NOCERTAVAILABLE' },
  {
    code: 0x3000029,
    meaning: 'a policy of this computer does not allow this gateway',
    causes: [
      why(
        'The administrator of the client has a list of trusted gateways, and this one is not on it.',
        'Add the name of the gateway to that list in the group policy of the client.',
      ),
    ],
  },
  { code: 0x300002a, meaning: 'the certificate of the gateway fails the health check', causes: CERTIFICATE },
  {
    code: 0x300002b,
    meaning: 'the gateway requires a password instead of a smart card',
    causes: [
      why(
        'The .rdp file or the user selected a smart card.',
        'Use a password: gatewaycredentialssource:i:0 in the .rdp file.',
      ),
    ],
  },
  {
    code: 0x300002c,
    meaning: 'the gateway requires a smart card instead of a password',
    causes: [
      why(
        'The policy of the gateway allows smart cards only.',
        'Log on with a card, or allow passwords in the RD CAP.',
      ),
    ],
  },
  { code: 0x300002d, meaning: 'there is no smart card reader', causes: SMART_CARD },
  { code: 0x300002f, meaning: 'the firewall requires credentials', causes: PROXY },
  { code: 0x3000030, meaning: 'the firewall rejected the credentials', causes: PROXY },
  { code: 0x3000032, meaning: 'the session ended because the user was idle', like: 'E_PROXY_SESSIONTIMEOUT' },
  { code: 0x3000033, meaning: 'the time limit of the session was reached', like: 'E_PROXY_SESSIONTIMEOUT' },
  { code: 0x3000034, meaning: 'the gateway cannot read the access token', like: 'E_PROXY_COOKIE_BADPACKET' },
  {
    code: 0x3000035,
    meaning: 'the gateway rejected the access token',
    like: 'E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED',
  },
  {
    code: 0x3000037,
    meaning: 'the gateway does not support the authentication method of the client',
    like: 'E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD',
  },
  { code: 0x3000038, meaning: 'the repeated authentication failed', like: 'E_PROXY_REAUTH_AUTHN_FAILED' },
  { code: 0x3000039, meaning: 'the repeated authorization failed', like: 'E_PROXY_REAUTH_CAP_FAILED' },
  { code: 0x300003b, meaning: 'gateway and target cannot exchange policies', like: 'E_PROXY_SDR_NOT_SUPPORTED_BY_TS' },
  { code: 0x300003c, meaning: 'the smart card or its certificate cannot be used', causes: SMART_CARD },
  { code: 0x3000041, meaning: 'the repeated health check failed', like: 'E_PROXY_REAUTH_NAP_FAILED' },
  {
    code: 0x3000042,
    meaning: 'the access token is larger than the client supports',
    causes: [
      why(
        'The portal that made the .rdp file puts too much data into the token.',
        'Make shorter tokens. Tokens of rdgw mkrdp normally have at most 250 characters.',
      ),
    ],
  },
  { code: 0x3000044, meaning: 'the configured forward proxy does not work', causes: PROXY },
  { code: 0x3000045, meaning: 'the user has no permission for this resource', like: 'E_PROXY_RAP_ACCESSDENIED' },
  {
    code: 0x3000046,
    meaning: 'no resource is available for the connection',
    causes: [
      why(
        'A hosted service of Microsoft has no machine for this user now. A self-hosted gateway does not report this.',
        'Start a machine, or ask the operator of the service.',
      ),
    ],
  },
  {
    code: 0x3000047,
    meaning: 'an error while the client accessed the resource',
    causes: [
      why(
        'The cause is not known. Microsoft documents no details.',
        'Read the logs of gateway and target at that time, and connect again.',
      ),
    ],
  },
  {
    code: 0x300004a,
    meaning: 'the network blocks HTTPS to the gateway',
    causes: [...PROXY, ...UNREACHABLE.slice(0, 1)],
  },
  {
    code: 0x300004d,
    meaning: 'too many users at a time, a message of the former Azure RemoteApp service',
    causes: [
      why(
        'The meaning for a self-hosted gateway is not known. That service was shut down long ago.',
        'Read the log of the gateway at that time, and connect again.',
      ),
    ],
  },
];
