/** Where each result code of MS-TSGU turns up, why, and what helps. Names and meanings are in src/protocol/codes.ts. */
import { explainResult, hresultOfWin32, RESULT, type ResultName, resultHex } from '../protocol/index.js';
import { ENDINGS } from './endings.js';
import { decimals, shortHex } from './number.js';
import type { ResultRow } from './rows.js';
import { type Explanation, why } from './types.js';

const REFUSALS = {
  SUCCESS: {
    seenIn: 'every response, and CLOSE_CHANNEL when both sides are done',
    causes: [
      why(
        'Nothing failed at the gateway.',
        'If there is still no desktop, the trouble is between the client and the target: look into the log of the target.',
      ),
    ],
  },
  E_ACCESSDENIED: {
    seenIn: 'any response while the session is set up',
    causes: [
      why(
        'The client sent a packet that is not due in this state.',
        'Record the session and run rdgw decode on it: it names the packet that came out of turn.',
      ),
    ],
  },
  SEC_E_LOGON_DENIED: {
    seenIn: 'EXTENDED_AUTH_MSG, when the client logs on with NTLM inside the tunnel',
    causes: [
      why(
        'The user name, the domain or the password is wrong.',
        'Type them again. The gateway may want another account than the target: both mstsc and xfreerdp (/gu /gp /gd) can hold two.',
      ),
      why(
        'A proxy ends TLS in front of a gateway that checks channel binding, so the proof does not fit the certificate.',
        'Let the proxy pass TLS through, or give proxy and gateway the same certificate.',
      ),
    ],
  },
  E_PROXY_INTERNALERROR: {
    seenIn: 'any response',
    causes: [
      why(
        'The gateway could not connect to the target: rdpgw answers so where others say E_PROXY_TS_CONNECTFAILED.',
        'Look for "Error connecting to" in the log of rdpgw, and try the port of the target from the gateway itself.',
      ),
      why(
        'The gateway could not read a packet, or its own configuration, authenticator or directory failed.',
        'Read the log of the gateway: rdgw writes "session ended" with the reason, Windows writes to the channel Microsoft-Windows-TerminalServices-Gateway.',
      ),
    ],
  },
  E_PROXY_RAP_ACCESSDENIED: {
    seenIn: 'CHANNEL_RESPONSE: the gateway knows the user, and refuses the target',
    causes: [
      why(
        'No rule of the gateway allows this host and port, or the token was made for another target.',
        'Allow it in targets.allow of rdgw, in a resource authorization policy (RD RAP) on Windows, in server.hosts of rdpgw, or make a new file with rdgw mkrdp --target HOST:PORT. The log has "target refused" with the reason.',
      ),
      why(
        'The client asks for the target by another name than the rule has: a short name, a full name and an address are three different things.',
        'Use the same spelling in the .rdp file and in the rule.',
      ),
      why(
        'The name of the target leads to an address that the gateway protects, such as loopback or link-local.',
        'If it is meant, name that very address in targets.allow.',
      ),
    ],
  },
  E_PROXY_NAP_ACCESSDENIED: {
    seenIn: 'TUNNEL_AUTH_RESPONSE or TUNNEL_RESPONSE: the gateway knows the user, and does not let them in at all',
    causes: [
      why(
        'The user is in no group that may use the gateway.',
        'On Windows, add the user or the computer to a connection authorization policy (RD CAP); event 201 of the gateway names the user and the reason.',
      ),
      why(
        'The way in which the user logged on is not allowed: a password where the policy wants a smart card.',
        'Log on in the way the policy wants, or allow the other one in the RD CAP.',
      ),
    ],
  },
  E_PROXY_TS_CONNECTFAILED: {
    seenIn: 'CHANNEL_RESPONSE: user and target are allowed, and the target does not answer',
    causes: [
      why(
        'The target is off, Remote Desktop is not enabled on it, or it listens on another port.',
        'Start it, and try its port from the gateway: nc -vz HOST 3389.',
      ),
      why(
        'The gateway does not resolve the name of the target, although the client may.',
        'Resolve it on the gateway itself (getent hosts HOST), or use an address.',
      ),
      why(
        'A firewall lets the gateway not through to the target.',
        'Allow TCP from the gateway to the port of the target; rdgw waits timeouts.dial seconds for each address.',
      ),
    ],
  },
  E_PROXY_ALREADYDISCONNECTED: {
    seenIn: 'CHANNEL_RESPONSE, or the answer to whatever came after the end',
    causes: [
      why(
        'The client went on in a tunnel or channel that was closed already: a limit ran out, or the gateway was told to stop.',
        'Connect again. The log of the gateway says why the session ended before.',
      ),
    ],
  },
  E_PROXY_MAXCONNECTIONSREACHED: {
    seenIn: 'TUNNEL_RESPONSE or TUNNEL_AUTH_RESPONSE',
    causes: [
      why(
        'As many users are connected as the gateway allows.',
        'Wait, end sessions nobody uses, or raise the limit: in the properties of the server on Windows. rdgw answers HTTP 503 instead; its limit is limits.tunnels.',
      ),
    ],
  },
  E_PROXY_NOTSUPPORTED: {
    seenIn: 'the response to the packet that is not supported',
    causes: [
      why(
        'The client asked for another protocol than RDP in CHANNEL_CREATE, or sent a packet that the gateway does not know.',
        'Run rdgw decode on a capture of the session: it shows the packet. Known clients do not do this, so suspect a new or home-made one.',
      ),
    ],
  },
  E_PROXY_CAPABILITYMISMATCH: {
    seenIn: 'TUNNEL_RESPONSE; HANDSHAKE_RESPONSE of rdpgw',
    causes: [
      why(
        'The gateway wants the user to agree to a text first, and the client cannot show one.',
        'Use mstsc or a newer client, or switch the consent text off on the gateway.',
      ),
      why(
        'With rdpgw: the client brings no access token and the gateway wants one, or the other way round.',
        'Open the .rdp file that rdpgw made for this user, or set caps.tokenauth to what the clients do.',
      ),
    ],
  },
  E_PROXY_QUARANTINE_ACCESSDENIED: {
    seenIn: 'TUNNEL_AUTH_RESPONSE of an old Windows gateway with Network Access Protection',
    causes: [
      why(
        'The client did not pass, or cannot send, the health check that the gateway asks for.',
        'Switch Network Access Protection off in the policies of the gateway: current Windows clients have dropped it, and others never had it.',
      ),
    ],
  },
  E_PROXY_NOCERTAVAILABLE: {
    seenIn: 'the set-up over RPC on a Windows gateway',
    causes: [
      why(
        'The gateway has no certificate that it can use for the health check.',
        'Bind a valid certificate to the RD Gateway role, or switch the health check off.',
      ),
    ],
  },
  E_PROXY_COOKIE_BADPACKET: {
    seenIn: 'TUNNEL_RESPONSE',
    causes: [
      why(
        'The gateway works with access tokens, and the client sent none.',
        'Open the .rdp file that the gateway or rdgw mkrdp made (it has gatewayaccesstoken), or pass the token: /gat:TOKEN to xfreerdp, access-token:TOKEN within /gateway: for version 3.',
      ),
      why(
        'The token did not survive: cut by an editor or a portal, or too long for the client.',
        'Download the file again and do not edit it. Keep tokens of your own portal short; the ones of rdgw have at most 250 characters.',
      ),
    ],
  },
  E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED: {
    seenIn: 'TUNNEL_RESPONSE',
    causes: [
      why(
        'The token has expired: an .rdp file with a token does not live for ever.',
        'Make or download a new file (rdgw mkrdp --ttl 7d makes one that lives longer), and check the clocks of both machines.',
      ),
      why(
        'The token was made for another gateway name, or signed with a key that this gateway does not know.',
        'The log of rdgw has "user refused" with the reason. Make the token with the data folder of this gateway, or name the other key in auth.paa.keys. rdpgw makes up a new key at each start unless security.paatokensigningkey is set.',
      ),
      why(
        'The gateway ties the token to an address, and the client now comes from another one.',
        'Fetch a new file from where you are; rdpgw has security.verifyclientip for this.',
      ),
    ],
  },
  E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD: {
    seenIn: 'HANDSHAKE_RESPONSE, TUNNEL_RESPONSE or EXTENDED_AUTH_MSG',
    causes: [
      why(
        'The client wants to log on with a password, NTLM or a smart card, and the gateway takes access tokens only.',
        'Use an .rdp file with a token (rdgw mkrdp). In the file, gatewaycredentialssource:i:5 makes mstsc use it.',
      ),
      why(
        'The client brings a token, and the gateway wants a password.',
        'Remove gatewayaccesstoken from the file, or /gat from the command line, and log on as a user.',
      ),
    ],
  },
} as const satisfies Partial<Record<ResultName, ResultRow>>;

/** Every result code with what we know of it. */
export const RESULT_ROWS: Readonly<Record<ResultName, ResultRow>> = { ...REFUSALS, ...ENDINGS };

/** `related`: dialogs of Microsoft's clients whose wording fits this code. */
export function resultExplanation(name: ResultName, related: readonly string[]): Explanation {
  const value = RESULT[name];
  const { seenIn, causes } = RESULT_ROWS[name];
  return {
    code: resultHex(value),
    names: [name],
    family: name.startsWith('E_PROXY_') ? 'MS-TSGU' : 'Win32',
    meaning: explainResult(value).words,
    forms: resultForms(name),
    section: '2.2.6',
    seenIn,
    causes,
    related,
  };
}

/** The low form and the HRESULT are the same code, except where the specification gives each a name of its own. */
function resultForms(name: ResultName): string[] {
  const value = RESULT[name];
  const low = value & 0xffff;
  const wraps = value <= 0xffff || hresultOfWin32(value) === value;
  const forms = wraps && value !== 0 ? [low, hresultOfWin32(value)] : [value];
  const same = forms.filter((form) => explainResult(form).name === name);
  return [...same.map(shortHex), ...same.flatMap(decimals)];
}
