import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { Fault } from '../fault.js';
import { canonicalAddress } from '../policy/address.js';
import { normalizeHost } from '../policy/target.js';

/** Maximum number of names of a certificate, because every TLS handshake sends them all. */
export const HOSTS_MAX = 64;

/** The names and addresses of a certificate, in its order. */
export interface CertificateNames {
  /** DNS names in lower case. A certificate of another CA may have wildcards. */
  readonly dns: readonly string[];
  /** Addresses in canonical form. */
  readonly addresses: readonly string[];
}

/** Normalizes the hosts for a new certificate and removes duplicates. Throws a `Fault` of kind `usage` (`HOST_INVALID`). */
export function checkHosts(hosts: readonly string[]): readonly string[] {
  const checked = [...new Set(hosts.map(checkHost))];
  if (checked.length === 0) throw invalid('a certificate needs at least one host name or address');
  if (checked.length > HOSTS_MAX) throw invalid(`a certificate can have at most ${HOSTS_MAX} hosts`);
  return checked;
}

/** Returns the name of this machine, `localhost` and the loopback addresses. Omits a machine name that is not a valid host name. */
export function defaultHosts(hostname: string): readonly string[] {
  const hosts = ['localhost', '127.0.0.1', '::1'];
  try {
    return checkHosts([hostname, ...hosts]);
  } catch {
    return hosts;
  }
}

/** Returns the subject alternative names of a certificate. The common name is ignored, because clients no longer use it. */
export function namesOf(certificate: X509Certificate): CertificateNames {
  const dns: string[] = [];
  const addresses: string[] = [];
  // Node.js writes `DNS:a.example, IP Address:10.0.0.1`, and a value with special characters as a JSON string.
  const entries = (certificate.subjectAltName ?? '').matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g);
  for (const [, kind, value = ''] of entries) {
    // Skips an address among the DNS names: it is there for FreeRDP and also present as an address.
    if (kind === 'DNS' && !value.startsWith('"') && isIP(value) === 0) dns.push(value.toLowerCase());
    const address = kind === 'IP Address' ? canonicalAddress(value) : undefined;
    if (address !== undefined) addresses.push(address);
  }
  return { dns, addresses };
}

/**
 * Returns the name that clients should use: the first one that works from another machine, else `localhost` or a loopback
 * address, else `undefined`.
 */
export function preferredName({ dns, addresses }: CertificateNames): string | undefined {
  const names = dns.filter((name) => !name.startsWith('*.'));
  const remote = addresses.filter((address) => address !== '::1' && !address.startsWith('127.'));
  return names.find((name) => name !== 'localhost') ?? remote[0] ?? names[0] ?? addresses[0];
}

function checkHost(text: string): string {
  if (text.includes('*'))
    throw invalid(`${JSON.stringify(text.slice(0, 64))} is a wildcard`, 'give --host once for each host');
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  try {
    const host = normalizeHost(bare);
    if (isIP(host) !== 0 && /^(?:0\.0\.0\.0|::)$/.test(host)) throw invalid(`${host} is not the address of a host`);
    return host;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    throw invalid(cause.message, cause.hint ?? 'a host is a name or an address without a port');
  }
}

function invalid(message: string, hint?: string): Fault {
  return new Fault({ kind: 'usage', code: 'HOST_INVALID', message, place: '--host', ...(hint && { hint }) });
}
