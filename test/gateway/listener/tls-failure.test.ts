import { expect, it } from 'vitest';
import { logTlsFailure } from '../../../src/gateway/listener/tls-failure.js';
import { LineLimit } from '../../../src/gateway/report/line-limit.js';
import { createLog } from '../../../src/gateway/report/log.js';

function failures() {
  const lines: Record<string, unknown>[] = [];
  const clock = { now: 0 };
  const log = createLog({ level: 'debug', format: 'json', write: (line) => void lines.push(JSON.parse(line)) });
  const limit = new LineLimit(() => clock.now);
  const fail = (code: string) => logTlsFailure(log, limit, Object.assign(new Error('reason'), { code }), '192.0.2.1');
  return { clock, fail, warnings: () => lines.filter(({ event }) => event === 'tls.incompatible'), lines };
}

it('warns once a minute about clients without a common version or suite, with the number of those without a line', () => {
  const { clock, fail, warnings } = failures();
  for (let count = 0; count < 100; count++) fail('ERR_SSL_NO_SHARED_CIPHER');
  clock.now = 59_999;
  fail('ERR_SSL_UNSUPPORTED_PROTOCOL');
  expect(warnings()).toMatchObject([{ level: 'warn' }]);
  clock.now = 60_000;
  for (let count = 0; count < 3; count++) fail('ERR_SSL_UNSUPPORTED_PROTOCOL');
  expect(warnings()).toMatchObject([{}, { suppressed: 100, code: 'ERR_SSL_UNSUPPORTED_PROTOCOL' }]);
});

it('has every failure at the level debug, and other ones nowhere else', () => {
  const { fail, lines, warnings } = failures();
  for (const code of ['ECONNRESET', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_NO_SHARED_CIPHER']) fail(code);
  expect(lines.filter(({ event }) => event === 'tls.failed')).toMatchObject(Array(3).fill({ level: 'debug' }));
  expect(warnings()).toHaveLength(1);
});
