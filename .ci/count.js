// Counts the results of the last test runs. Prints "PASSED FAILED" on stdout and the failures on stderr, so that they
// are at the end of the log. A skipped test or a run without a report counts as failed.
import { readFileSync } from 'node:fs';

/** Lines printed of each failure message. The output of the test run has the complete message. */
const MESSAGE_LINES = 12;

const passed = [];
const failed = [];
for (const name of ['unit', 'unit-node-22', 'unit-node-24', 'e2e', 'screenshot', 'fuzz', 'soak']) {
  const report = read(name);
  if (!report) {
    failed.push(`${name}: no report`);
    continue;
  }
  for (const { name: file, status, message, assertionResults } of report.testResults) {
    // A file that failed to load has no test results.
    if (status === 'failed' && assertionResults.length === 0) failed.push(`${file}: ${message}`);
    for (const test of assertionResults) {
      const title = `${file}: ${test.fullName}`;
      if (test.status === 'passed') passed.push(title);
      else failed.push([`${title} (${test.status})`, ...(test.failureMessages ?? [])].join('\n'));
    }
  }
}
// A test that the machine does not permit is neither passed nor failed, but must be visible in the log.
for (const [title, reason] of Object.entries(read('soak-figures')?.notRun ?? {}))
  process.stderr.write(`\nNOT RUN ${title}: ${reason}\n`);
for (const text of failed) process.stderr.write(`\nFAILED ${text.split('\n').slice(0, MESSAGE_LINES).join('\n  ')}\n`);
process.stdout.write(`${passed.length} ${failed.length}\n`);

function read(name) {
  try {
    return JSON.parse(readFileSync(new URL(`../.test-results/${name}.json`, import.meta.url), 'utf8'));
  } catch {
    return undefined;
  }
}
