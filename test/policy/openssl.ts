import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key made by the openssl command, which also makes the signatures, so that both are independent of our code. */
export interface OpensslKey {
  readonly privatePem: string;
  readonly publicPem: string;
  readonly sign: (alg: string, claims: unknown, header?: Readonly<Record<string, unknown>>) => string;
}

const GENPKEY: Readonly<Record<string, readonly string[]>> = {
  ed25519: ['-algorithm', 'ed25519'],
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  rsa1024: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
};

export function opensslKey(kind: string): OpensslKey {
  const privatePem = openssl(['genpkey', ...(GENPKEY[kind] ?? [])], {}).toString();
  const publicPem = openssl(['pkey', '-in', 'key', '-pubout'], { key: privatePem }).toString();
  return {
    privatePem,
    publicPem,
    sign: (alg, claims, header = {}) => {
      const input = signingInput(alg, claims, header);
      const files = { key: privatePem, input };
      const signature =
        kind === 'ed25519'
          ? openssl(['pkeyutl', '-sign', '-rawin', '-inkey', 'key', '-in', 'input'], files)
          : openssl(['dgst', '-sha256', '-sign', 'key', 'input'], files);
      return `${input}.${(kind.startsWith('p') ? rawFromDer(signature) : signature).toString('base64url')}`;
    },
  };
}

/** Makes an HS256 token with any bytes as the secret. */
export function opensslHmac(
  secret: Uint8Array,
  claims: unknown,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const input = signingInput('HS256', claims, header);
  const hexkey = `hexkey:${Buffer.from(secret).toString('hex')}`;
  const mac = openssl(['dgst', '-sha256', '-mac', 'HMAC', '-macopt', hexkey, '-binary', 'input'], { input });
  return `${input}.${mac.toString('base64url')}`;
}

export function signingInput(alg: string, claims: unknown, header: Readonly<Record<string, unknown>> = {}): string {
  return `${encode({ alg, ...header })}.${encode(claims)}`;
}

export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function openssl(args: readonly string[], files: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'rdgw-openssl-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    return execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** JWS needs r and s concatenated (RFC 7518 section 3.4); openssl writes SEQUENCE { INTEGER r, INTEGER s }. */
function rawFromDer(der: Buffer): Buffer {
  const integerAt = (at: number): Buffer => der.subarray(at + 2, at + 2 + der.readUInt8(at + 1));
  const r = integerAt(2);
  const s = integerAt(4 + r.length);
  return Buffer.concat([r, s].map((number) => Buffer.concat([Buffer.alloc(32), number]).subarray(-32)));
}
