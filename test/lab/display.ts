import { join } from 'node:path';
import { startChild } from './child.js';
import type { Lab } from './lab.js';
import { difference, HEIGHT, type Picture, SAME_PICTURE_RMSE, WIDTH } from './picture.js';
import { runProgram, tryProgram } from './program.js';

/** An X server without a physical screen. It chooses its display number itself. */
export interface Display {
  /** The value of $DISPLAY. */
  readonly name: string;
  /** Sets the picture as the background of the screen, which needs neither a window nor a window manager. */
  show(picture: Picture): Promise<void>;
  /** Writes the content of the screen to a PNG file. */
  screenshot(file: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startDisplay(lab: Lab, { width, height } = { width: WIDTH, height: HEIGHT }): Promise<Display> {
  // -noreset keeps the background without clients. Programs in the chroot connect to the abstract socket.
  const server = await startChild(
    lab,
    'Xvfb',
    ['-displayfd', '1', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp', '-ac', '-noreset'],
    { ready: (child) => displayNumber(child.output()) },
  );
  const name = `:${displayNumber(server.output())}`;
  const env = { DISPLAY: name };
  const screenshot = async (file: string): Promise<void> => {
    await runProgram('import', ['-silent', '-window', 'root', '-depth', '8', `png:${file}`], { env });
  };
  return {
    name,
    show: async (picture) => {
      // The exit code is 1 even on success, so the screen itself is checked.
      const result = await tryProgram('display', ['-window', 'root', picture.file], { env });
      const shot = join(lab.folder, `display${name.replace(':', '-')}.png`);
      await screenshot(shot);
      const found = await difference(picture.file, shot);
      if (found > SAME_PICTURE_RMSE)
        throw new Error(`${name} does not show the picture, RMSE ${found}: ${result.stderr}`);
    },
    screenshot,
    stop: server.stop,
  };
}

/** Xvfb writes the number and a line break when it accepts connections. */
function displayNumber(output: string): string | undefined {
  return /^(\d+)\n/m.exec(output)?.[1];
}
