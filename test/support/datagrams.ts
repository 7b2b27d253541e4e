/** A datagram socket of the Unix kind, as a service manager has it. Node has none, so that Python holds it. */
import { type Program, start } from './program.js';

export interface Datagrams {
  readonly path: string;
  /** Texts so far, in their order. */
  readonly texts: () => readonly string[];
  stop(): Promise<void>;
}

// What comes along with a datagram is dropped, and with it the descriptor by whose end systemd-notify knows that it was read.
const SCRIPT = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('[]', flush=True)
while True:
    print(json.dumps(s.recv(65536).decode()), flush=True)
`;

export async function listenForDatagrams(path: string): Promise<Datagrams> {
  const run: Program = start('python3', ['-c', SCRIPT, path], { cwd: '/', env: {} });
  await run.says(/^\[\]$/m);
  return {
    path,
    texts: () =>
      run
        .stdout()
        .split('\n')
        .slice(1, -1)
        .map((line) => JSON.parse(line) as string)
        .filter((text) => text !== 'BARRIER=1'),
    async stop() {
      run.kill('SIGKILL');
      await run.code;
    },
  };
}
