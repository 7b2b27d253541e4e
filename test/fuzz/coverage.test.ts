import { afterEach, expect, it } from 'vitest';
import { parseHead } from '../../src/http/head.js';
import { inRequest } from '../gateway/http/samples.js';
import { Coverage } from './coverage.js';

const coverage = new Coverage();

afterEach(() => coverage.stop());

it('tells source that never ran from source that did', () => {
  const looked = (bytes: Buffer): boolean => {
    coverage.take();
    parseHead(bytes);
    const ran = coverage.take();
    const isNew = coverage.isNew(ran);
    coverage.learn(ran);
    return isNew;
  };
  const [plain, counted] = [inRequest(), inRequest('Content-Length: 5')];
  expect([plain, plain, counted, counted, plain].map(looked)).toEqual([true, false, true, false, false]);
  expect(coverage.size).toBeGreaterThan(0);
});
