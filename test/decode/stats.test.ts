import { describe, expect, it } from 'vitest';
import { statsLines } from '../../src/decode/stats.js';
import type { Summary } from '../../src/decode/summary.js';
import { run, VECTORS, vector } from './helper.js';

describe('the statistics', () => {
  it('of a conversation match the snapshot', async () => {
    const { lines } = await run({ ...vector('fr2-ntlm-ws'), show: 'stats' });
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('snapshots/fr2-ntlm-ws-stats.txt');
  });

  it.each(Object.keys(VECTORS))('of %s fit into 80 columns', async (name) => {
    const { lines } = await run({ ...vector(name), show: 'stats' });
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('without a conversation are one line', () => {
    const unread = { skipped: {}, ordinaryRequests: 0, evictedConnections: 0 };
    const nothing: Summary = { packets: 1, pdus: 0, ...unread, conversations: [], notes: [], problem: null };
    expect([...statsLines(nothing)]).toEqual(['1 packet, 0 conversations, 0 PDUs']);
  });

  it('of packets given as text omit the facts of a capture', async () => {
    const hex = '010000000e0000000100000002000d000000080000000a0000000c00000002006869';
    const { lines } = await run({ hex, show: 'stats' });
    expect(lines).toEqual([
      'connection 1  hex',
      '  target       none asked for',
      '  client       2 bytes of data',
      '               HANDSHAKE_REQUEST 1, DATA 1, KEEPALIVE 1',
      '  gateway      0 bytes of data',
      '  keep-alives  client 1, gateway 0',
      '',
      '0 packets, 1 conversation, 3 PDUs',
    ]);
  });

  it('contain no terminal control characters from the network', async () => {
    const { result } = await run({ ...vector('fr2-paa-ws'), show: 'nothing' });
    const summary = result.summary as Summary;
    const evil = '\u001b[2J\u202e\r\n';
    const conversation = {
      ...summary.conversations[0],
      user: evil,
      clientName: evil,
      target: evil,
      authSchemes: [evil],
    };
    const text = [
      ...statsLines({ ...summary, conversations: [conversation as Summary['conversations'][number]] }),
    ].join('');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for control characters
    expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
  });
});
