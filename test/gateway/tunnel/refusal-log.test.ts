import { describe, expect, it } from 'vitest';
import { createLog } from '../../../src/gateway/report/log.js';
import { RefusalLog } from '../../../src/gateway/tunnel/refusal-log.js';
import { RESULT } from '../../../src/protocol/index.js';

const { E_PROXY_COOKIE_BADPACKET, E_PROXY_INTERNALERROR, E_PROXY_NOTSUPPORTED } = RESULT;

function recorded() {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ level: 'warn', format: 'json', write: (line) => void lines.push(JSON.parse(line)) });
  const clock = { now: 0 };
  const refusals = new RefusalLog(() => clock.now);
  const refuse = (peer: string | undefined, code: number, detail?: string): void =>
    refusals.write(log, peer, { code, ...(detail !== undefined && { detail }) });
  return { lines, clock, refuse };
}

describe('the log of refused sessions', () => {
  it('has a line with the code, the reason and what to do', () => {
    const { lines, refuse } = recorded();
    refuse('10.0.0.9', E_PROXY_COOKIE_BADPACKET, 'the client sent no access token');
    refuse('10.0.0.9', E_PROXY_INTERNALERROR, 'PKT_TYPE_TUNNEL_AUTH is malformed');
    expect(lines).toMatchObject([
      {
        event: 'session.refused',
        level: 'warn',
        code: 'E_PROXY_COOKIE_BADPACKET (0x800759F7)',
        reason: 'the client sent no access token',
        hint: 'open an .rdp file with a token, as rdgw mkrdp makes it',
      },
      { reason: 'PKT_TYPE_TUNNEL_AUTH is malformed', hint: expect.stringContaining('rdgw decode') },
    ]);
    expect(lines[0]).not.toHaveProperty('suppressed');
  });

  it('has no line for the answer that refused, which is logged where it was decided', () => {
    const { lines, refuse } = recorded();
    refuse('10.0.0.9', E_PROXY_COOKIE_BADPACKET);
    expect(lines).toEqual([]);
  });

  it('has one line a minute about one network and code, which counts the others', () => {
    const { lines, clock, refuse } = recorded();
    for (; clock.now < 60_000; clock.now += 1000) refuse('fd00::1', E_PROXY_COOKIE_BADPACKET, 'no token');
    clock.now = 30_000;
    refuse('fd00::2', E_PROXY_COOKIE_BADPACKET, 'no token');
    expect(lines).toHaveLength(1);
    refuse('10.0.0.8', E_PROXY_COOKIE_BADPACKET, 'no token');
    refuse(undefined, E_PROXY_COOKIE_BADPACKET, 'no token');
    refuse('fd00::1', E_PROXY_NOTSUPPORTED, 'version 2');
    expect(lines).toHaveLength(4);
    clock.now = 60_000;
    refuse('fd00::1', E_PROXY_COOKIE_BADPACKET, 'no token');
    expect(lines[4]).toMatchObject({ suppressed: 60 });
  });
});
