import { describe, expect, it } from 'vitest';
import { summaryOf } from '../../decode/helper.js';
import { captureFile, dissectFile } from '../../support/dissect.js';

describe('authentication inside the tunnel', () => {
  it('of FreeRDP 3 by SSPI_NTLM is emitted message by message, without the response', async () => {
    const { auths } = await dissectFile(captureFile('fr3-ext-ws.dsb.pcapng.gz'));
    const inside = auths.filter(({ tcp }) => tcp === undefined).map(({ event }) => event);
    expect(inside.map(({ from, header }) => [from, header])).toEqual([
      ['client', 'PKT_TYPE_EXTENDED_AUTH_MSG'],
      ['server', 'PKT_TYPE_EXTENDED_AUTH_MSG'],
      ['client', 'PKT_TYPE_EXTENDED_AUTH_MSG'],
    ]);
    expect(inside.map(({ summary }) => summary)).toMatchObject([
      { scheme: 'SSPI_NTLM', token: { ntlm: { type: 'negotiate' } } },
      { scheme: 'SSPI_NTLM', token: { ntlm: { type: 'challenge', domain: 'LAB' } } },
      {
        scheme: 'SSPI_NTLM',
        token: { ntlm: { type: 'authenticate', domain: 'LAB', user: 'gwuser', workstation: 'vm' } },
      },
    ]);
    // The type of the response (NTLMv2) is reported, but none of its bytes.
    expect(JSON.stringify(inside.map(({ summary }) => summary))).not.toMatch(/[0-9a-f]{16}/i);
  });

  it('yields the user of the summary', async () => {
    const { conversations } = await summaryOf('fr3-ext-ws');
    expect(conversations[0]).toMatchObject({ user: 'LAB\\gwuser', authSchemes: ['SSPI_NTLM'] });
  });

  it('by a token that is not a JWS yields no user', async () => {
    const { conversations } = await summaryOf('fr2-paa-ws');
    expect(conversations[0]).toMatchObject({ user: null });
  });
});
