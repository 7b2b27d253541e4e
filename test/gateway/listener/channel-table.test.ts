import { describe, expect, it } from 'vitest';
import { ChannelTable, channelKey } from '../../../src/gateway/listener/channel-table.js';

const KEY = channelKey('id', '192.0.2.1', 'address');
const OTHER = channelKey('id', '2001:db8::1', 'address');

describe('a key', () => {
  it('has the address or not, as the setting says', () => {
    const keys = (pairBy: 'address' | 'id') => ['192.0.2.1', '192.0.2.2'].map((peer) => channelKey('id', peer, pairBy));
    expect(new Set(keys('address')).size).toBe(2);
    expect(new Set(keys('id')).size).toBe(1);
    expect(channelKey('id', 'x', 'id')).not.toBe(channelKey('other', 'x', 'id'));
  });
});

describe('the table of OUT channels', () => {
  it('keeps the first channel of a key', () => {
    const table = new ChannelTable<string>();
    expect([table.add(KEY, 'first'), table.add(KEY, 'second'), table.get(KEY)]).toEqual([true, false, 'first']);
    expect([table.remove(KEY, 'second'), table.get(KEY)]).toEqual([false, 'first']);
    expect([table.remove(KEY, 'first'), table.remove(KEY, 'first'), table.get(KEY)]).toEqual([true, false, undefined]);
  });

  it('knows whether an id waits under another address only', () => {
    const table = new ChannelTable<string>();
    expect(table.isElsewhere(KEY)).toBe(false);
    table.add(OTHER, 'other');
    expect([table.isElsewhere(KEY), table.isElsewhere(OTHER)]).toEqual([true, false]);
    table.add(KEY, 'own');
    expect([table.isElsewhere(KEY), table.isElsewhere(channelKey('id', 'x', 'address'))]).toEqual([false, true]);
    table.remove(OTHER, 'other');
    expect(table.isElsewhere(OTHER)).toBe(true);
    table.remove(KEY, 'own');
    expect([table.isElsewhere(OTHER), table.isElsewhere(channelKey('i', 'x', 'address'))]).toEqual([false, false]);
  });
});
