// Counts the last test runs: "PASSED FAILED" on stdout, and on stderr what failed and why, so that it stands at the end of the log.
// A test that was skipped, or a run that left no report, counts as failed.
import { readFileSync } from 'node:fs';

/** Enough of a message to know what to look for; the whole of it stands where the test ran. */
const MESSAGE_LINES = 12;

const passed = [];
const failed = [];
for (const name of ['unit', 'e2e', 'fuzz', 'soak']) {
  const report = read(name);
  if (!report) {
    failed.push(`${name}: no report`);
    continue;
  }
  for (const { name: file, status, message, assertionResults } of report.testResults) {
    // A file that could not even be loaded has no tests to fail.
    if (status === 'failed' && assertionResults.length === 0) failed.push(`${file}: ${message}`);
    for (const test of assertionResults) {
      const title = `${file}: ${test.fullName}`;
      if (test.status === 'passed') passed.push(title);
      else failed.push([`${title} (${test.status})`, ...(test.failureMessages ?? [])].join('\n'));
    }
  }
}
// What a machine does not permit is neither passed nor failed, and nobody may overlook it.
for (const [title, reason] of Object.entries(read('soak-figures')?.notRun ?? {}))
  process.stderr.write(`\nNOT RUN ${title}: ${reason}\n`);
for (const words of failed)
  process.stderr.write(`\nFAILED ${words.split('\n').slice(0, MESSAGE_LINES).join('\n  ')}\n`);
process.stdout.write(`${passed.length} ${failed.length}\n`);

function read(name) {
  try {
    return JSON.parse(readFileSync(new URL(`../.test-results/${name}.json`, import.meta.url), 'utf8'));
  } catch {
    return undefined;
  }
}
