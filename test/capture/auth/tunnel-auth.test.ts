import { describe, expect, it } from 'vitest';
import { summaryOf } from '../../decode/helper.js';
import { captureFile, dissectFile } from '../../support/dissect.js';

describe('authentication inside the tunnel', () => {
  it('of FreeRDP 3 by SSPI_NTLM is told message by message, without what proves it', async () => {
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
    // The kind of response is told (NTLMv2), no bytes of it.
    expect(JSON.stringify(inside.map(({ summary }) => summary))).not.toMatch(/[0-9a-f]{16}/i);
  });

  it('gives the summary its user', async () => {
    const { conversations } = await summaryOf('fr3-ext-ws');
    expect(conversations[0]).toMatchObject({ user: 'LAB\\gwuser', authSchemes: ['SSPI_NTLM'] });
  });

  it('by a token that is no JWS is not told: nobody knows what it says', async () => {
    const { conversations } = await summaryOf('fr2-paa-ws');
    expect(conversations[0]).toMatchObject({ user: null });
  });
});
