import { join } from 'node:path';
import { startChild } from './child.js';
import type { Lab } from './lab.js';
import { difference, HEIGHT, type Picture, SAME_PICTURE_RMSE, WIDTH } from './picture.js';
import { askProgram, runProgram } from './program.js';

/** An X server without a screen, on a display number that it chose itself. */
export interface Display {
  /** As in $DISPLAY. */
  readonly name: string;
  /** Makes the picture the background of the screen: no window, hence no window manager. */
  show(picture: Picture): Promise<void>;
  /** Writes what is on the screen to a PNG file. */
  screenshot(file: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startDisplay(lab: Lab): Promise<Display> {
  // -noreset keeps the background when the last client goes. Programs in the chroot come in by the abstract socket.
  const server = await startChild(
    lab,
    'Xvfb',
    ['-displayfd', '1', '-screen', '0', `${WIDTH}x${HEIGHT}x24`, '-nolisten', 'tcp', '-ac', '-noreset'],
    { ready: (child) => numberOf(child.output()) },
  );
  const name = `:${numberOf(server.output())}`;
  const env = { DISPLAY: name };
  const screenshot = async (file: string): Promise<void> => {
    await runProgram('import', ['-silent', '-window', 'root', '-depth', '8', `png:${file}`], { env });
  };
  return {
    name,
    show: async (picture) => {
      // Its exit code is 1 even when all went well, so that the screen is asked instead.
      const said = await askProgram('display', ['-window', 'root', picture.file], { env });
      const shot = join(lab.folder, `display${name.replace(':', '-')}.png`);
      await screenshot(shot);
      const found = await difference(picture.file, shot);
      if (found > SAME_PICTURE_RMSE)
        throw new Error(`${name} does not show the picture, RMSE ${found}: ${said.stderr}`);
    },
    screenshot,
    stop: server.stop,
  };
}

/** Xvfb writes the number and a line break once it accepts connections. */
function numberOf(output: string): string | undefined {
  return /^(\d+)\n/m.exec(output)?.[1];
}
