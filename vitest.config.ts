import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          // Some tests start several processes, and the machine may be busy. The limit is meant for hangs, not slow tests.
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
          // Each file measures processes, so no other test may run at the same time.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 300_000,
          disableConsoleIntercept: true,
        },
      },
      {
        test: {
          name: 'screenshot',
          include: ['test/screenshot/*.shot.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          disableConsoleIntercept: true,
        },
      },
      {
        test: {
          name: 'proxies',
          include: ['test/e2e/*.matrix.ts'],
          hookTimeout: 300_000,
          disableConsoleIntercept: true,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // The clients share displays, ports and the cores of the machine.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          disableConsoleIntercept: true,
        },
      },
    ],
  },
});
