import { afterEach, expect, it } from 'vitest';
import { parseHead } from '../../src/http/head.js';
import { inRequest } from '../gateway/http/samples.js';
import { Coverage } from './coverage.js';

const coverage = new Coverage();

afterEach(() => coverage.stop());

it('detects source that runs for the first time', () => {
  const runsNewSource = (bytes: Buffer): boolean => {
    coverage.take();
    parseHead(bytes);
    const covered = coverage.take();
    const isNew = coverage.isNew(covered);
    coverage.add(covered);
    return isNew;
  };
  const [plain, withLength] = [inRequest(), inRequest('Content-Length: 5')];
  const inputs = [plain, plain, withLength, withLength, plain];
  expect(inputs.map(runsNewSource)).toEqual([true, false, true, false, false]);
  expect(coverage.size).toBeGreaterThan(0);
});
