import { Fault } from '../fault.js';
import { formatAddress, isForProxies, isUnix, type ListenEntry } from './listen.js';
import type { Origin } from './origin.js';
import type { Config } from './schema.js';

/**
 * Checks settings that require, exclude or cancel one another. Throws a `Fault` (`CONFIG_CONFLICT`) for the first conflict.
 *
 * @param isSet reports whether the setting at a path has a value that is not a default.
 */
export function checkConflicts(
  config: Config,
  isSet: (path: string) => boolean,
  originOf: (path: string) => Origin,
): void {
  for (const { when, at, message, hint } of conflicts(config, isSet)) {
    if (!when) continue;
    throw new Fault({ ...originOf(at), code: 'CONFIG_CONFLICT', message, hint });
  }
}

interface Conflict {
  readonly when: boolean;
  readonly at: string;
  readonly message: string;
  readonly hint: string;
}

function conflicts(config: Config, isSet: (path: string) => boolean): readonly Conflict[] {
  const { listen, trustedProxies, forwarded, tls, auth, targets, transports } = config;
  const { paa, module } = auth;
  const builtIn = module === undefined;
  const other = ['mode', 'keys', 'jwks', 'tokensFile'].map((key) => `auth.paa.${key}`).find(isSet);
  const hasProxies = trustedProxies.length > 0;
  // Who may open a Unix socket is trusted without an entry.
  const needsProxies = (entry: ListenEntry): boolean => isForProxies(entry) && !isUnix(entry.address);
  const repeated = repeatedAddress(listen);
  return [
    {
      when: repeated !== undefined,
      at: 'listen',
      message: `${repeated} is there twice`,
      hint: 'one address has one entry, with or without TLS and PROXY protocol',
    },
    {
      when: !hasProxies && listen.some(needsProxies),
      at: 'listen',
      message: 'a listener for proxies would serve nobody: trustedProxies is empty',
      hint: 'set the addresses of the proxies, for example trustedProxies: ["192.168.0.10"]',
    },
    {
      when: forwarded !== 'none' && !hasProxies && !listen.some(({ address }) => isUnix(address)),
      at: 'forwarded',
      message: 'has no effect: trustedProxies is empty',
      hint: 'set the addresses of the proxies that set this field',
    },
    {
      when: (tls.cert === undefined) !== (tls.key === undefined),
      at: tls.cert === undefined ? 'tls.key' : 'tls.cert',
      message: tls.cert === undefined ? 'there is a key without a certificate' : 'there is a certificate without a key',
      hint: `set ${tls.cert === undefined ? 'tls.cert' : 'tls.key'} too`,
    },
    {
      when: !builtIn && other !== undefined,
      at: other ?? 'auth.paa',
      message: 'has no effect together with auth.module',
      hint: 'the module alone decides about tokens; remove one of the two',
    },
    {
      when: builtIn && paa.mode === 'static' && paa.tokensFile === undefined,
      at: 'auth.paa.mode',
      message: 'the mode static needs a token list',
      hint: 'set auth.paa.tokensFile',
    },
    {
      when: builtIn && paa.mode !== 'static' && paa.tokensFile !== undefined,
      at: 'auth.paa.tokensFile',
      message: `has no effect in the mode ${paa.mode}`,
      hint: 'set auth.paa.mode to static',
    },
    {
      when: builtIn && paa.mode !== 'signed' && (paa.keys.length > 0 || paa.jwks !== undefined),
      at: paa.keys.length > 0 ? 'auth.paa.keys' : 'auth.paa.jwks',
      message: `has no effect in the mode ${paa.mode}`,
      hint: 'set auth.paa.mode to signed',
    },
    {
      when: builtIn && paa.mode === 'any' && targets.allow.length === 0,
      at: 'auth.paa.mode',
      message: 'the mode any needs allow rules',
      hint: 'set the targets that clients may reach, for example targets.allow: ["192.168.0.0/24"]',
    },
    {
      when: !transports.websocket && !transports.http,
      at: 'transports.http',
      message: 'both transports are switched off',
      hint: 'switch on transports.websocket or transports.http',
    },
  ];
}

/** The first address that two entries have. The port 0 may be there several times: the system chooses each. */
function repeatedAddress(listen: readonly ListenEntry[]): string | undefined {
  const addresses = listen
    .filter(({ address }) => isUnix(address) || address.port !== 0)
    .map(({ address }) => formatAddress(address));
  return addresses.find((address, index) => addresses.indexOf(address) !== index);
}
