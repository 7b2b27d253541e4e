/** A gateway whose terminal is closed. Python opens the pseudoterminal, as a terminal emulator does. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'vitest';
import { type Program, RDGW, start } from '../support/program.js';

let folder: string;
let run: Program | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-terminal-'));
});
afterEach(async () => {
  run?.kill('SIGKILL');
  await run?.code;
  rmSync(folder, { recursive: true, force: true });
});

const SCRIPT = `
import os, pty, signal, sys, time
log = os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
child, terminal = pty.fork()
if child == 0:
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execvp(sys.argv[1], sys.argv[1:])
def until(text):
    while text not in open('log').read(): time.sleep(0.01)
until('listens')
os.kill(child, signal.SIGHUP)
until('reload.completed')
os.close(terminal)
print('ended with', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
`;

it('reloads after SIGHUP from another process, and ends at once after SIGHUP from a closed terminal', async () => {
  const args = ['-c', SCRIPT, process.execPath, RDGW, 'serve', '--listen', '127.0.0.1:0'];
  run = start('python3', args, { cwd: folder, env: { HOME: folder, RDGW_DATA_DIR: join(folder, 'data') } });
  await run.waitForOutput(/ended with -1\n/);
});
