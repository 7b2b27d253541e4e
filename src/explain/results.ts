/** Packets, causes and fixes of each result code of MS-TSGU. Names and meanings are in src/protocol/codes.ts. */
import { explainResult, hresultOfWin32, RESULT, type ResultName, resultHex } from '../protocol/index.js';
import { ENDINGS } from './endings.js';
import { decimals, shortHex } from './number.js';
import type { ResultRow } from './rows.js';
import { type Explanation, why } from './types.js';

const REFUSALS = {
  SUCCESS: {
    seenIn: 'every response, and CLOSE_CHANNEL at the normal end of a session',
    causes: [
      why(
        'Nothing failed at the gateway.',
        'If there is still no desktop, the problem is between the client and the target: read the log of the target.',
      ),
    ],
  },
  E_ACCESSDENIED: {
    seenIn: 'any response during the set-up of a session',
    causes: [
      why(
        'The client sent a packet that is not valid in this state.',
        'Capture the session and run rdgw decode on it. It marks the packet that is out of order.',
      ),
    ],
  },
  SEC_E_LOGON_DENIED: {
    seenIn: 'EXTENDED_AUTH_MSG, when the client logs on with NTLM inside the tunnel',
    causes: [
      why(
        'The user name, the domain or the password is wrong.',
        'Enter them again. The gateway may require another account than the target: mstsc and xfreerdp (/gu /gp /gd) support both.',
      ),
      why(
        'A proxy terminates TLS in front of a gateway that checks channel bindings, so they do not match its certificate.',
        'Let the proxy pass TLS through, or use the same certificate in proxy and gateway.',
      ),
    ],
  },
  E_PROXY_INTERNALERROR: {
    seenIn: 'any response',
    causes: [
      why(
        'The gateway could not connect to the target. rdpgw sends this code where others send E_PROXY_TS_CONNECTFAILED.',
        'Look for "Error connecting to" in the log of rdpgw, and test the port of the target from the gateway.',
      ),
      why(
        'The gateway could not read a packet, or its own configuration, authenticator or directory failed.',
        'Read the log of the gateway: rdgw logs "session ended" with the reason, Windows logs to the channel Microsoft-Windows-TerminalServices-Gateway.',
      ),
    ],
  },
  E_PROXY_RAP_ACCESSDENIED: {
    seenIn: 'CHANNEL_RESPONSE: the gateway accepted the user and rejected the target',
    causes: [
      why(
        'No rule of the gateway allows this host and port, or the token was made for another target.',
        'Allow it in targets.allow of rdgw, in a resource authorization policy (RD RAP) on Windows, or in server.hosts of rdpgw, or run rdgw mkrdp --target HOST:PORT. rdgw logs "channel refused" with the reason.',
      ),
      why(
        'The client uses another name for the target than the rule. A short name, a full name and an address are different.',
        'Use the same name in the .rdp file and in the rule.',
      ),
      why(
        'The name of the target resolves to a special address, such as loopback or link-local, which rules for names do not allow.',
        'If this is intended, add the address itself to targets.allow.',
      ),
    ],
  },
  E_PROXY_NAP_ACCESSDENIED: {
    seenIn: 'TUNNEL_AUTH_RESPONSE or TUNNEL_RESPONSE: the user is authenticated but may not use the gateway',
    causes: [
      why(
        'The user is not in a group that may use the gateway.',
        'On Windows, add the user or the computer to a connection authorization policy (RD CAP); event 201 of the gateway has the user and the reason.',
      ),
      why(
        'The authentication method is not allowed, for example a password where the policy requires a smart card.',
        'Use the method that the policy requires, or allow the other one in the RD CAP.',
      ),
    ],
  },
  E_PROXY_TS_CONNECTFAILED: {
    seenIn: 'CHANNEL_RESPONSE: user and target are allowed, but the target does not answer',
    causes: [
      why(
        'The target is off, Remote Desktop is not enabled on it, or it listens on another port.',
        'Start it, and test its port from the gateway: nc -vz HOST 3389.',
      ),
      why(
        'The gateway cannot resolve the name of the target, although the client may.',
        'Resolve it on the gateway itself (getent hosts HOST), or use an address.',
      ),
      why(
        'A firewall blocks connections from the gateway to the target.',
        'Allow TCP from the gateway to the port of the target; rdgw waits timeouts.dial seconds for each address.',
      ),
    ],
  },
  E_PROXY_ALREADYDISCONNECTED: {
    seenIn: 'CHANNEL_RESPONSE, or the response to a packet after the end',
    causes: [
      why(
        'The client sent a packet in a tunnel or channel that was already closed, because of a time limit or a stop of the gateway.',
        'Connect again. The log of the gateway has the reason why the session ended.',
      ),
    ],
  },
  E_PROXY_MAXCONNECTIONSREACHED: {
    seenIn: 'TUNNEL_RESPONSE or TUNNEL_AUTH_RESPONSE',
    causes: [
      why(
        'The maximum number of users is connected.',
        'Wait, end unused sessions, or raise the limit: on Windows in the properties of the server. rdgw answers HTTP 503 instead; its limit is limits.tunnels.',
      ),
      why(
        'The user has as many tunnels as the gateway allows for one user.',
        'End unused sessions. With rdgw the log has "session refused", and the limit is limits.tunnelsPerUser.',
      ),
    ],
  },
  E_PROXY_NOTSUPPORTED: {
    seenIn: 'the response to the packet that is not supported',
    causes: [
      why(
        'The client requested another protocol than RDP in CHANNEL_CREATE, or sent a packet that the gateway does not support.',
        'Run rdgw decode on a capture of the session to see the packet. Known clients do not do this; a new or custom client may.',
      ),
    ],
  },
  E_PROXY_CAPABILITYMISMATCH: {
    seenIn: 'TUNNEL_RESPONSE; HANDSHAKE_RESPONSE of rdpgw',
    causes: [
      why(
        'The gateway requires the user to accept a consent message, and the client cannot show one.',
        'Use mstsc or a newer client, or disable the consent message on the gateway.',
      ),
      why(
        'With rdpgw: the client sent no access token and the gateway requires one, or the other way round.',
        'Open the .rdp file that rdpgw made for this user, or set caps.tokenauth to match the clients.',
      ),
    ],
  },
  E_PROXY_QUARANTINE_ACCESSDENIED: {
    seenIn: 'TUNNEL_AUTH_RESPONSE of an old Windows gateway with Network Access Protection',
    causes: [
      why(
        'The client failed the health check of the gateway, or does not support it.',
        'Disable Network Access Protection in the policies of the gateway. Current Windows clients and all other clients do not support it.',
      ),
    ],
  },
  E_PROXY_NOCERTAVAILABLE: {
    seenIn: 'the set-up over RPC on a Windows gateway',
    causes: [
      why(
        'The gateway has no usable certificate for the health check.',
        'Bind a valid certificate to the RD Gateway role, or disable the health check.',
      ),
    ],
  },
  E_PROXY_COOKIE_BADPACKET: {
    seenIn: 'TUNNEL_RESPONSE',
    causes: [
      why(
        'The gateway requires an access token, and the client sent none.',
        'Open the .rdp file that the gateway or rdgw mkrdp made (it has gatewayaccesstoken), or pass the token: /gat:TOKEN to xfreerdp, access-token:TOKEN within /gateway: for version 3.',
      ),
      why(
        'The token is damaged: truncated by an editor or a portal, or too long for the client.',
        'Download the file again and do not edit it. Keep tokens of your own portal short; those of rdgw normally have at most 250 characters.',
      ),
    ],
  },
  E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED: {
    seenIn: 'TUNNEL_RESPONSE, with rdgw also CHANNEL_RESPONSE',
    causes: [
      why(
        'The token has expired: an .rdp file with a token is valid for a limited time.',
        'Make or download a new file (rdgw mkrdp --ttl 7d makes one that is valid longer), and check the clocks of both machines.',
      ),
      why(
        'The token is for another gateway name, or signed with a key that this gateway does not have.',
        'The log of rdgw has "authentication failed" with the reason. Make the token with the data folder of this gateway, or add the other key to auth.paa.keys. rdpgw has a new key at each start unless security.paatokensigningkey is set.',
      ),
      why(
        'The gateway accepts the token from one client address only, and the client now has another one.',
        'Download a new file from the current network. The setting of rdpgw is security.verifyclientip.',
      ),
    ],
  },
  E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD: {
    seenIn: 'HANDSHAKE_RESPONSE, TUNNEL_RESPONSE or EXTENDED_AUTH_MSG',
    causes: [
      why(
        'The client uses a password, NTLM or a smart card, and the gateway accepts access tokens only.',
        'Use an .rdp file with a token (rdgw mkrdp). The setting gatewaycredentialssource:i:5 makes mstsc use the token.',
      ),
      why(
        'The client sent a token, and the gateway requires a password.',
        'Remove gatewayaccesstoken from the file, or /gat from the command line, and log on as a user.',
      ),
    ],
  },
} as const satisfies Partial<Record<ResultName, ResultRow>>;

/** The row of each result code. */
export const RESULT_ROWS: Readonly<Record<ResultName, ResultRow>> = { ...REFUSALS, ...ENDINGS };

/** Makes the explanation of a result code. `related` are the dialog codes of Microsoft's clients whose message matches it. */
export function resultExplanation(name: ResultName, related: readonly string[]): Explanation {
  const value = RESULT[name];
  const { seenIn, causes } = RESULT_ROWS[name];
  return {
    code: resultHex(value),
    names: [name],
    family: name.startsWith('E_PROXY_') ? 'MS-TSGU' : 'Win32',
    meaning: explainResult(value).description,
    forms: resultForms(name),
    section: '2.2.6',
    seenIn,
    causes,
    related,
  };
}

/** The low form and the HRESULT are the same code, except where the specification gives them different names. */
function resultForms(name: ResultName): string[] {
  const value = RESULT[name];
  const low = value & 0xffff;
  const wraps = value <= 0xffff || hresultOfWin32(value) === value;
  const forms = wraps && value !== 0 ? [low, hresultOfWin32(value)] : [value];
  const same = forms.filter((form) => explainResult(form).name === name);
  return [...same.map(shortHex), ...same.flatMap(decimals)];
}
