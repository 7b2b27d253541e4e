import { describe, expect, it } from 'vitest';
import { createLog } from '../../../src/gateway/report/log.js';
import { RefusalLog } from '../../../src/gateway/tunnel/refusal-log.js';
import { RESULT } from '../../../src/protocol/index.js';

const { E_PROXY_COOKIE_BADPACKET, E_PROXY_NOTSUPPORTED } = RESULT;

function recorded() {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ level: 'warn', format: 'json', write: (line) => void lines.push(JSON.parse(line)) });
  return { lines, log: log.with({ peer: '10.0.0.9' }), refusals: new RefusalLog() };
}

describe('the log of refused sessions', () => {
  it('has a line with the code, the reason and what to do', () => {
    const { lines, log, refusals } = recorded();
    refusals.write(log, '10.0.0.9', { code: E_PROXY_COOKIE_BADPACKET, detail: 'the client sent no access token' }, 0);
    expect(lines).toMatchObject([
      {
        event: 'session.refused',
        level: 'warn',
        peer: '10.0.0.9',
        code: 'E_PROXY_COOKIE_BADPACKET (0x800759F7)',
        reason: 'the client sent no access token: use an .rdp file with a token, as rdgw mkrdp makes it',
        suppressed: 0,
      },
    ]);
  });

  it('has no line for the answer that refused, which is logged where it was decided', () => {
    const { lines, log, refusals } = recorded();
    refusals.write(log, '10.0.0.9', { code: E_PROXY_COOKIE_BADPACKET }, 0);
    expect(lines).toEqual([]);
  });

  it('has one line a minute about one peer and code, which counts the others', () => {
    const { lines, log, refusals } = recorded();
    const refused = { code: E_PROXY_COOKIE_BADPACKET, detail: 'no token' };
    for (let now = 0; now < 60_000; now += 1000) refusals.write(log, '10.0.0.9', refused, now);
    expect(lines).toHaveLength(1);
    refusals.write(log, '10.0.0.8', refused, 1000);
    refusals.write(log, '10.0.0.9', { ...refused, code: E_PROXY_NOTSUPPORTED }, 1000);
    expect(lines).toHaveLength(3);
    refusals.write(log, '10.0.0.9', refused, 60_000);
    expect(lines[3]).toMatchObject({ suppressed: 59 });
  });

  it('has a bounded number of lines about a client with many addresses', () => {
    const { lines, log, refusals } = recorded();
    for (let peer = 0; peer < 10_000; peer++) {
      refusals.write(log, `fd00::${peer.toString(16)}`, { code: E_PROXY_NOTSUPPORTED, detail: 'x' }, peer);
    }
    expect(lines.length).toBeLessThanOrEqual(60);
  });
});
