/** Dialog codes 0x30000xx, which speak of the gateway. The clause is ours, the sense that of Microsoft's own message. */
import type { DialogRow } from './rows.js';
import { type Cause, why } from './types.js';

const CERTIFICATE: readonly Cause[] = [
  why(
    'The name that the client uses for the gateway is not in the certificate.',
    'Use a name from the certificate in gatewayhostname, or make one with that name: rdgw certs init --host NAME. mstsc offers no way around it.',
  ),
  why(
    'The client does not trust the CA that issued the certificate.',
    'Install the CA on the client; rdgw keeps it as ca.pem in its data folder. On Windows it belongs into Trusted Root Certification Authorities.',
  ),
  why('The certificate has expired or was revoked.', 'Renew it, and check the clock of the client.'),
];
const CREDENTIALS: readonly Cause[] = [
  why(
    'User name, domain or password for the gateway is wrong; it may want another account than the target.',
    'Type DOMAIN\\NAME and the password again, and remove what Windows has stored for this gateway (Credential Manager).',
  ),
];
const UNREACHABLE: readonly Cause[] = [
  why(
    'The name of the gateway does not resolve, its port is closed, or a firewall is in between.',
    'Try it from the client: nc -vz GATEWAY 443, or Test-NetConnection GATEWAY -Port 443 on Windows.',
  ),
  why(
    'The gateway listens on another port than 443 and the file does not say so.',
    'Write gatewayhostname:s:HOST:PORT.',
  ),
];
const BROKEN: readonly Cause[] = [
  why(
    'The gateway was restarted, or a proxy or firewall in front of it cut the connection.',
    'Connect again. If it comes after the same time each time, raise the time-out of the proxy.',
  ),
];
const PROXY: readonly Cause[] = [
  why(
    'A web proxy stands between client and gateway, and does not let the client through.',
    'Let the proxy pass HTTPS to the gateway without authentication, or go around it.',
  ),
];
const SMART_CARD: readonly Cause[] = [
  why(
    'The connection wants a smart card, and the client finds none that it can use.',
    'Insert the card and check its reader and service, or choose a password: gatewaycredentialssource:i:0 in the .rdp file.',
  ),
];

export const GATEWAY_DIALOGS: readonly DialogRow[] = [
  { code: 0x3000001, meaning: 'the user name or password is wrong', causes: CREDENTIALS },
  {
    code: 0x3000002,
    meaning: 'the revocation list for the certificate of the gateway cannot be checked',
    causes: [
      why(
        'The client does not reach the address in the certificate where revocations are published.',
        'Make that address reachable, or use a certificate without one; those of rdgw have none.',
      ),
    ],
  },
  { code: 0x3000003, meaning: 'the certificate of the gateway does not convince the client', causes: CERTIFICATE },
  { code: 0x3000004, meaning: 'the certificate of the gateway was revoked', causes: CERTIFICATE.slice(2) },
  { code: 0x3000005, meaning: 'the client cannot verify the identity of the gateway', causes: CERTIFICATE },
  {
    code: 0x3000006,
    meaning: 'the name of the gateway is not the one in its certificate',
    causes: CERTIFICATE.slice(0, 1),
  },
  {
    code: 0x3000007,
    meaning: 'the certificate of the gateway has expired or was revoked',
    causes: CERTIFICATE.slice(2),
  },
  {
    code: 0x3000008,
    meaning: 'an error at the computer that the user wants to reach',
    causes: [
      why(
        'The gateway let the user in, and the connection to the target failed.',
        'Read the log of the gateway: "target refused" in that of rdgw.',
      ),
      why(
        'Clients for Mac, iOS and Android were seen to show it when a proxy in front of the gateway breaks the connection.',
        'Try the gateway without the proxy.',
      ),
    ],
  },
  { code: 0x3000009, meaning: 'sending to the gateway failed', causes: BROKEN },
  { code: 0x300000a, meaning: 'receiving from the gateway failed', causes: BROKEN },
  {
    code: 0x300000b,
    meaning: 'the gateway wants another way of logging on',
    like: 'E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD',
  },
  { code: 0x300000c, meaning: 'the gateway cannot be reached, or its address is wrong', causes: UNREACHABLE },
  {
    code: 0x300000d,
    meaning: 'the gateway is not available for now',
    causes: [
      why(
        'The gateway is not running, is overloaded, or is going down.',
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
  { code: 0x3000013, meaning: 'no smart card is there', causes: SMART_CARD },
  { code: 0x3000014, meaning: 'the smart card was removed', causes: SMART_CARD },
  { code: 0x3000015, meaning: 'the user name or password is not valid', causes: CREDENTIALS },
  {
    code: 0x3000017,
    meaning: 'a security package failed in the transport layer',
    causes: [
      why(
        'Client and gateway agreed on no way to prove who the user is, or a proxy between them broke NTLM or Kerberos.',
        'Keep one connection per client in the proxy, or let the gateway end TLS itself.',
      ),
    ],
  },
  { code: 0x3000018, meaning: 'the gateway ended the connection', causes: BROKEN },
  {
    code: 0x3000019,
    meaning: 'the administrator of the gateway ended the connection',
    like: 'ERROR_CONNECTION_ABORTED',
  },
  { code: 0x300001a, meaning: 'the credentials are wrong, or the smart card is not known', causes: CREDENTIALS },
  { code: 0x300001b, meaning: 'this user may not reach this computer', like: 'E_PROXY_RAP_ACCESSDENIED' },
  { code: 0x300001c, meaning: 'this user or computer may not use the gateway', like: 'E_PROXY_NAP_ACCESSDENIED' },
  {
    code: 0x300001f,
    meaning: 'the administrator has restricted access to this gateway',
    like: 'E_PROXY_NAP_ACCESSDENIED',
  },
  { code: 0x3000020, meaning: 'the web proxy wants a logon', causes: PROXY },
  {
    code: 0x3000021,
    meaning: 'the password has expired or must be changed',
    causes: [
      why(
        'The account may not log on before its password is changed.',
        'Change it in another way, then connect again.',
      ),
    ],
  },
  {
    code: 0x3000022,
    meaning: 'the gateway has as many connections as it allows',
    like: 'E_PROXY_MAXCONNECTIONSREACHED',
  },
  { code: 0x3000023, meaning: 'the gateway does not support the request', like: 'E_PROXY_NOTSUPPORTED' },
  {
    code: 0x3000024,
    meaning: 'the client lacks a capability that the gateway wants',
    like: 'E_PROXY_CAPABILITYMISMATCH',
  },
  {
    code: 0x3000025,
    meaning: 'the gateway and this computer do not fit together',
    causes: [
      why(
        'Client and gateway speak versions of the protocol that do not meet.',
        'Update the older one. rdgw decode shows the versions in the HANDSHAKE packets.',
      ),
    ],
  },
  { code: 0x3000026, meaning: 'the credentials are not valid', causes: [...CREDENTIALS, ...SMART_CARD] },
  {
    code: 0x3000027,
    meaning: 'the client failed the health check',
    like: 'E_PROXY_QUARANTINE_ACCESSDENIED',
  },
  { code: 0x3000028, meaning: 'the gateway has no certificate to use', like: 'E_PROXY_NOCERTAVAILABLE' },
  {
    code: 0x3000029,
    meaning: 'a policy of this computer does not allow this gateway',
    causes: [
      why(
        'The administrator of the client keeps a list of gateways to trust, and this one is not on it.',
        'Add the name of the gateway to that list in the group policy of the client.',
      ),
    ],
  },
  {
    code: 0x300002a,
    meaning: 'the certificate of the gateway fails the health check',
    causes: CERTIFICATE,
  },
  {
    code: 0x300002b,
    meaning: 'the gateway wants a password and not a smart card',
    causes: [
      why(
        'The file or the user chose a smart card.',
        'Choose a password: gatewaycredentialssource:i:0 in the .rdp file.',
      ),
    ],
  },
  {
    code: 0x300002c,
    meaning: 'the gateway wants a smart card and not a password',
    causes: [
      why('The policy of the gateway takes smart cards only.', 'Log on with a card, or allow passwords in the RD CAP.'),
    ],
  },
  { code: 0x300002d, meaning: 'no smart card reader is there', causes: SMART_CARD },
  { code: 0x300002f, meaning: 'the firewall wants credentials', causes: PROXY },
  { code: 0x3000030, meaning: 'the firewall refused the credentials', causes: PROXY },
  {
    code: 0x3000032,
    meaning: 'the session ended because the user did nothing',
    like: 'E_PROXY_SESSIONTIMEOUT',
  },
  { code: 0x3000033, meaning: 'the time limit of the session was reached', like: 'E_PROXY_SESSIONTIMEOUT' },
  { code: 0x3000034, meaning: 'the access token is not one the gateway can read', like: 'E_PROXY_COOKIE_BADPACKET' },
  {
    code: 0x3000035,
    meaning: 'the gateway rejected the access token',
    like: 'E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED',
  },
  {
    code: 0x3000037,
    meaning: 'the gateway expects another authentication method than the one tried',
    like: 'E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD',
  },
  {
    code: 0x3000038,
    meaning: 'the repeated authentication failed',
    like: 'E_PROXY_REAUTH_AUTHN_FAILED',
  },
  { code: 0x3000039, meaning: 'the repeated authorization failed', like: 'E_PROXY_REAUTH_CAP_FAILED' },
  {
    code: 0x300003b,
    meaning: 'gateway and target cannot exchange policies',
    like: 'E_PROXY_SDR_NOT_SUPPORTED_BY_TS',
  },
  { code: 0x300003c, meaning: 'the smart card or its certificate cannot be used', causes: SMART_CARD },
  {
    code: 0x3000041,
    meaning: 'the repeated health check failed',
    like: 'E_PROXY_REAUTH_NAP_FAILED',
  },
  {
    code: 0x3000042,
    meaning: 'the access token is larger than the client supports',
    causes: [
      why(
        'The portal that made the file puts too much into the token.',
        'Make shorter tokens; the ones of rdgw mkrdp have at most 250 characters.',
      ),
    ],
  },
  { code: 0x3000044, meaning: 'the configured forward proxy does not work', causes: PROXY },
  {
    code: 0x3000045,
    meaning: 'the user has no permission for this resource',
    like: 'E_PROXY_RAP_ACCESSDENIED',
  },
  {
    code: 0x3000046,
    meaning: 'no resource is free to connect to',
    causes: [
      why(
        'A hosted service of Microsoft has no machine for this user now; a gateway on your own premises does not say this.',
        'Start a machine, or ask who runs the service.',
      ),
    ],
  },
  {
    code: 0x3000047,
    meaning: 'an error while the client accessed the resource',
    causes: [
      why(
        'We are not sure: Microsoft says no more than that.',
        'Read the logs of gateway and target at that second, and connect again.',
      ),
    ],
  },
  {
    code: 0x300004a,
    meaning: 'the network does not let HTTPS through to the gateway',
    causes: [...PROXY, ...UNREACHABLE.slice(0, 1)],
  },
  {
    code: 0x300004d,
    meaning: 'too many users at a time, in the words of the former Azure RemoteApp service',
    causes: [
      why(
        'We are not sure what it means with a gateway of your own; that service was shut down long ago.',
        'Read the log of the gateway at that second, and connect again.',
      ),
    ],
  },
];
