// Prints "PASSED FAILED" of the last test runs. A test that was skipped, or a run that left no report, counts as failed.
import { readFileSync } from 'node:fs';

const counts = ['unit', 'e2e', 'fuzz'].map((name) => {
  try {
    const report = JSON.parse(readFileSync(new URL(`../.test-results/${name}.json`, import.meta.url), 'utf8'));
    const skipped = report.numPendingTests + report.numTodoTests;
    // A file that could not even be loaded has no tests to fail.
    const broken = report.testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
    );
    return { passed: report.numPassedTests, failed: report.numFailedTests + skipped + broken.length };
  } catch {
    return { passed: 0, failed: 1 };
  }
});

const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
process.stdout.write(`${sum('passed')} ${sum('failed')}\n`);
