import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          // Some start several processes, on machines that are busy with other things: a limit for hangs, not for slowness.
          testTimeout: 60_000,
          disableConsoleIntercept: true,
        },
      },
      {
        test: {
          name: 'fuzz',
          include: ['test/fuzz/*.fuzz.ts'],
          disableConsoleIntercept: true,
        },
      },
      {
        test: {
          name: 'soak',
          include: ['test/soak/*.soak.ts'],
          // Each measures a process while nothing else is to happen.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 300_000,
          disableConsoleIntercept: true,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // Real clients share displays, ports and two cores: one file at a time.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          disableConsoleIntercept: true,
        },
      },
    ],
  },
});
