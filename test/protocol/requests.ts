/** The PDUs that a client sends. The default values are those of the captured PDUs. */
import {
  CHANNEL_CREATE,
  CLOSE_CHANNEL,
  CLOSE_CHANNEL_RESPONSE,
  DATA,
  EXTENDED_AUTH_MSG,
  encodePaaCookie,
  HANDSHAKE_REQUEST,
  KEEPALIVE,
  TUNNEL_AUTH,
  TUNNEL_CREATE,
} from '../../src/protocol/index.js';

export const handshake = (extendedAuth = 2, version = 1): Buffer =>
  HANDSHAKE_REQUEST.encode({ verMajor: version, verMinor: 0, clientVersion: 0, extendedAuth });

export const tunnelCreate = (token: string | undefined = 'TOKEN123', capsFlags = 0x0d): Buffer =>
  TUNNEL_CREATE.encode({ capsFlags, paaCookie: encodePaaCookie(token) });

export const tunnelCreateWithoutCookie = (): Buffer => TUNNEL_CREATE.encode({ capsFlags: 0x0d });

export const tunnelAuth = (clientName = 'vm'): Buffer => TUNNEL_AUTH.encode({ clientName });

export const channelCreate = (resources = ['desktop.example'], altResources: string[] = [], protocol = 3): Buffer =>
  CHANNEL_CREATE.encode({ resources, altResources, port: 3389, protocol });

export const data = (text: string): Buffer => DATA.encode({ data: Buffer.from(text) });
export const keepAlive = (): Buffer => KEEPALIVE.encode({});
export const close = (statusCode = 0): Buffer => CLOSE_CHANNEL.encode({ statusCode });
export const closeResponse = (statusCode = 0): Buffer => CLOSE_CHANNEL_RESPONSE.encode({ statusCode });
export const extendedAuth = (errorCode = 0): Buffer =>
  EXTENDED_AUTH_MSG.encode({ errorCode, authBlob: Buffer.from('NTLMSSP\0') });
