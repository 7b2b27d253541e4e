import { fileURLToPath } from 'node:url';
import { startChild } from '../lab/child.js';
import type { Lab } from '../lab/lab.js';
import { until } from '../lab/until.js';
import type { SoakGateway } from './gateway.js';
import type { Traffic } from './traffic.js';

const PROGRAM = fileURLToPath(new URL('garbage.cjs', import.meta.url));

/** Starts a process that opens connections and sends invalid data. */
export async function startGarbage(lab: Lab, gateway: SoakGateway, perSecond: number): Promise<Traffic> {
  const child = await startChild(lab, process.execPath, [PROGRAM, `${gateway.port}`, `${perSecond}`]);
  return {
    async stop() {
      await child.stop();
      // The output may arrive shortly after the process has ended.
      return JSON.parse(
        await until('the count of garbage connections', 5_000, () => child.output().endsWith('\n') && child.output()),
      );
    },
  };
}
