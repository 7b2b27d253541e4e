import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createGuard } from '../../src/policy/guard.js';
import { loadAuthenticator } from '../../src/policy/module.js';
import type { AuthenticationRequest } from '../../src/policy/types.js';

const folder = mkdtempSync(join(tmpdir(), 'rdgw-module-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function moduleOf(code: string): string {
  count += 1;
  const name = `auth-${count}.mjs`;
  writeFileSync(join(folder, name), code);
  return `./${name}`;
}

const request = (token: string): AuthenticationRequest => ({
  scheme: 'PAA',
  token,
  peer: '192.0.2.1',
  connectionId: '00000000-0000-0000-0000-000000000001',
  correlationId: undefined,
  clientName: undefined,
  now: 0,
});

describe('loadAuthenticator', () => {
  it('imports relative to the folder and passes the options', async () => {
    const path = moduleOf(
      'export default async ({ user }) => ({ name: "x", authenticate: () => ({ allow: true, user }) });',
    );
    const authenticator = await loadAuthenticator(path, { user: 'carol' }, folder);
    const result = await createGuard({ authenticator, deadline: 1000 }).authenticate(request('t'));
    expect(result).toHaveProperty('identity.user', 'carol');
    expect(result).toHaveProperty('identity.method', 'x');
  });

  it('accepts an instance of a class', async () => {
    const path = moduleOf(
      'class A { name = "a"; #user = "dave"; authenticate() { return { allow: true, user: this.#user }; } }\nexport default () => new A();',
    );
    const authenticator = await loadAuthenticator(path, {}, folder);
    const result = await createGuard({ authenticator, deadline: 1000 }).authenticate(request('t'));
    expect(result).toHaveProperty('identity.user', 'dave');
  });

  it.each([
    ['AUTH_MODULE_FAILED', 'export default (', /^the module does not load: /],
    [
      'AUTH_MODULE_FAILED',
      'import "./not-there.mjs"; export default () => ({});',
      /^the module does not load: .*not-there/,
    ],
    ['AUTH_MODULE_INVALID', 'export const x = 1;', /no function as its default export/],
    ['AUTH_MODULE_INVALID', 'export default { name: "x" };', /no function as its default export/],
    [
      'AUTH_MODULE_FAILED',
      'export default () => { throw new Error("no data base"); };',
      /^the default export failed: no data base$/,
    ],
    ['AUTH_MODULE_FAILED', 'export default () => { throw 7; };', /something that is not an error/],
    ['AUTH_MODULE_INVALID', 'export default () => undefined;', /^the authenticator is not an object$/],
    ['AUTH_MODULE_INVALID', 'export default () => ({ authenticate() {} });', /has no name/],
    ['AUTH_MODULE_INVALID', 'export default () => ({ name: "a\\nb", authenticate() {} });', /has no name/],
    ['AUTH_MODULE_INVALID', 'export default () => ({ name: "x" });', /has no function authenticate/],
    ['AUTH_MODULE_INVALID', 'export default () => ({ name: "x", authenticate() {}, authorize: 1 });', /authorize/],
    ['AUTH_MODULE_INVALID', 'export default () => ({ name: "x", authenticate() {}, close: 1 });', /close/],
    ...['name', 'authenticate', 'authorize', 'close', 'then'].flatMap((property): [string, string, RegExp][] => [
      [
        'AUTH_MODULE_INVALID',
        `export default () => ({ name: "x", authenticate() {}, get ${property}() { throw new Error("no"); } });`,
        /^the authenticator cannot be read: no$/,
      ],
    ]),
    [
      'AUTH_MODULE_INVALID',
      'export default () => new Proxy({}, { get() { throw new Error("no"); } });',
      /^the authenticator cannot be read: no$/,
    ],
    [
      'AUTH_MODULE_INVALID',
      'export default () => ({ get name() { throw new Proxy({}, { getPrototypeOf() { throw 1; } }); } });',
      /^the authenticator cannot be read: it threw something that cannot be read$/,
    ],
    [
      'AUTH_MODULE_INVALID',
      'export default () => ({ get name() { throw { get message() { throw 1; } }; } });',
      /^the authenticator cannot be read: it threw something that is not an error$/,
    ],
    [
      'AUTH_MODULE_INVALID',
      'const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); export default () => proxy;',
      /^the authenticator cannot be read: /,
    ],
    [
      'AUTH_MODULE_FAILED',
      'export default async () => new Proxy({}, { get() { throw new Error("no"); } });',
      /^the default export failed: no$/,
    ],
  ])('throws %s for %j', async (code, text, message) => {
    const path = moduleOf(text);
    await expect(loadAuthenticator(path, {}, folder)).rejects.toMatchObject({
      name: 'Fault',
      kind: 'configuration',
      code,
      message: expect.stringMatching(message),
      place: join(folder, path),
      hint: expect.any(String),
    });
  });

  it('reads each property once, so that a getter cannot change what was checked', async () => {
    const path = moduleOf(
      'let reads = 0; class A { #user = "erin"; get name() { if (reads++) throw 1; return "a"; } get authenticate() { if (reads++ > 1) throw 1; return () => ({ allow: true, user: this.#user }); } }\nexport default () => new A();',
    );
    const authenticator = await loadAuthenticator(path, {}, folder);
    const guard = createGuard({ authenticator, deadline: 1000 });
    for (let count = 0; count < 3; count++)
      await expect(guard.authenticate(request('t'))).resolves.toHaveProperty('identity.user', 'erin');
    expect(guard.authorize).toBeUndefined();
  });

  it.each(['./none.mjs', '.'])('reports that %s is not a file', async (path) => {
    await expect(loadAuthenticator(path, {}, folder)).rejects.toHaveProperty('code', 'AUTH_MODULE_MISSING');
  });
});

describe('examples/custom-auth.mjs', () => {
  const users = {
    alice: { token: 'alices-token', desk: '192.168.0.101' },
    bob: { token: 'bobs-token', desk: '10.0.0.1' },
  };
  const open = async () =>
    createGuard({ authenticator: await loadAuthenticator('examples/custom-auth.mjs', { users }), deadline: 5000 });

  it('allows a known token and denies another, without repeating it', async () => {
    const guard = await open();
    await expect(guard.authenticate(request('alices-token'))).resolves.toHaveProperty('identity.user', 'alice');
    await expect(guard.authenticate(request('bobs-token'))).resolves.toHaveProperty('identity.user', 'bob');
    await expect(guard.authenticate(request('mallory'))).resolves.toEqual({
      allow: false,
      code: 'refused',
      reason: 'unknown token from 192.0.2.1',
    });
  });

  it('allows each user their own desk only', async () => {
    const guard = await open();
    const result = await guard.authenticate(request('alices-token'));
    if (!result.allow) throw new Error(result.reason);
    const target = { host: 'desk', port: 3389, address: '192.168.0.101' };
    await expect(guard.authorize?.(result.identity, target)).resolves.toEqual({ allow: true });
    await expect(guard.authorize?.(result.identity, { ...target, address: '10.0.0.1' })).resolves.toEqual({
      allow: false,
      reason: '10.0.0.1 is not the desk of alice',
    });
  });
});
