import { describe, expect, it } from 'vitest';
import { formatListen, formatLocalListen, parseListen, parseLocalListen } from '../../src/config/listen.js';

describe('listen addresses', () => {
  it.each([
    ['8443', { port: 8443 }],
    ['*:8443', { port: 8443 }],
    [':8443', { port: 8443 }],
    ['gw.example:443', { host: 'gw.example', port: 443 }],
    ['[::1]:443', { host: '::1', port: 443 }],
    ['::1:443', undefined],
    ['65536', undefined],
    ['', undefined],
    ['host', undefined],
  ])('%s', (text, listen) => {
    expect(parseListen(text)).toEqual(listen);
    if (listen) expect(parseListen(formatListen(listen))).toEqual(listen);
  });

  it.each([
    ['9464', { host: '127.0.0.1', port: 9464 }],
    ['*:9464', { port: 9464 }],
    ['[::]:9464', { host: '::', port: 9464 }],
    ['text', undefined],
  ])('local by default: %s', (text, listen) => {
    expect(parseLocalListen(text)).toEqual(listen);
    if (listen) expect(parseLocalListen(formatLocalListen(listen))).toEqual(listen);
  });
});
