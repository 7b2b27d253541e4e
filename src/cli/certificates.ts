import chalk from 'chalk';
import type { Certificates, MadePart } from '../certs/ensure.js';
import { trustAdvice } from '../certs/trust.js';

const PARTS: Readonly<Record<MadePart, string>> = {
  ca: 'a CA',
  server: 'a server certificate',
  tokenKey: 'a key to sign tokens',
};

/** `a CA, a server certificate and a key to sign tokens` */
export function describeMade(parts: readonly MadePart[]): string {
  return joinWithAnd(parts.map((part) => PARTS[part]));
}

/** The output of `certs init`. */
export function certificatesText(certificates: Certificates): string {
  const { files, made, caReplaced, names, ca, server } = certificates;
  const head =
    made.length === 0 ? 'Everything is there and valid, nothing was changed.' : `Made ${describeMade(made)}.`;
  const rows = [
    ['folder', files.folder],
    ['names', names.join(', ')],
    ['valid to', `${day(server.expires)}, the CA to ${day(ca.expires)}`],
    ['CA SHA-256', ca.fingerprint.slice(0, 48)],
    ['', ca.fingerprint.slice(48)],
  ].map(([label = '', value]) => `  ${chalk.dim(label.padEnd(11))}${value}`);
  const warning = caReplaced ? ['', chalk.yellow('The CA is new: remove the old one from the clients.')] : [];
  return [chalk.bold(head), ...rows, ...warning, '', trustAdvice(files.ca)].join('\n');
}

/** The result of `certs init --json`: paths, names, fingerprints and expiry dates, never a key. */
export function certificatesJson({ files, made, caReplaced, names, ca, server }: Certificates) {
  return {
    made,
    caReplaced,
    names,
    dataDir: files.folder,
    ca: { file: files.ca, fingerprint: ca.fingerprint, expires: ca.expires.toISOString() },
    server: {
      file: files.server,
      key: files.serverKey,
      fingerprint: server.fingerprint,
      expires: server.expires.toISOString(),
    },
    tokenKey: files.tokenKey,
  };
}

function joinWithAnd(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
