/** A gateway whose terminal is closed or stopped. Python opens the pseudoterminal, as a terminal emulator does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { failedHandshakes, health, WITHOUT_HANDSHAKE_RATE } from '../support/noise.js';
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

/** The terminal shows nothing from the ready message on until the file `resume` exists, as after Ctrl-S and Ctrl-Q. */
const STOPPED = `
import os, pty, sys, time
child, terminal = pty.fork()
if child == 0: os.execvp(sys.argv[1], sys.argv[1:])
text = b''
while b'try next' not in text: text += os.read(terminal, 4096)
print(text.decode(), 'process', child, flush=True)
while not os.path.exists('resume'): time.sleep(0.01)
while b'gateway.stopped' not in text:
    chunk = os.read(terminal, 4096)
    print(chunk.decode(), end='', flush=True)
    text += chunk
print('ended with', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
`;

it('answers while its terminal is stopped, and tells later how many lines were dropped', async () => {
  const args = ['-c', STOPPED, process.execPath, RDGW, 'serve', '--listen', '127.0.0.1:0', '--log-level', 'debug'];
  const env = { HOME: folder, RDGW_DATA_DIR: join(folder, 'data'), ...WITHOUT_HANDSHAKE_RATE };
  run = start('python3', args, { cwd: folder, env });
  const [, port, pid] = await run.waitForOutput(/listens on https:\/\/\S+:(\d+)[\s\S]*process (\d+)\n/);
  await failedHandshakes(Number(port), 8000);
  expect(await health(folder, Number(port))).toBe(200);
  writeFileSync(join(folder, 'resume'), '');
  const [, dropped] = await run.waitForOutput(/event=log\.dropped lines=(\d+)/);
  const shown = run.stdout().split('event=tls.failed').length - 1;
  expect(shown + Number(dropped)).toBe(8000);
  process.kill(Number(pid), 'SIGTERM');
  await run.waitForOutput(/ended with 0\n/);
});
