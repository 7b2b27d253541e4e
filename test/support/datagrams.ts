/** A Unix datagram socket like the one of systemd. Python opens it, because Node does not support these sockets. */
import { type Program, start } from './program.js';

export interface Datagrams {
  readonly path: string;
  /** The messages so far, in order of arrival. */
  readonly texts: () => readonly string[];
  stop(): Promise<void>;
}

// recv() discards ancillary data, which closes the descriptor that systemd-notify waits for (BARRIER=1).
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
  await run.waitForOutput(/^\[\]$/m);
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
