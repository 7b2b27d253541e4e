// CPU profile of a run of rdgw, summed up by components of the source tree.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Each component with a pattern for its files. The first match counts. */
const COMPONENTS = [
  ['reading the capture file', /src\/capture\/file\/|pcap-parser|src\/decode\/input/],
  ['IP and TCP', /src\/capture\/(?:ip|tcp)\//],
  ['TLS (decryption included)', /src\/capture\/tls\/|node:internal\/crypto/],
  [
    'HTTP and WebSocket',
    /src\/capture\/(?:http\/|websocket\/|conversation\/(?:conversations?|connection|live|resync))/,
  ],
  ['PDUs', /src\/protocol\/|src\/capture\/(?:conversation\/|auth\/|notes|dissection)/],
  ['output', /src\/(?:decode|render)\//],
];

/** Pairs of a component and its share of the time, largest share first. */
export function profileByComponent(script, args) {
  const folder = mkdtempSync(join(tmpdir(), 'rdgw-profile-'));
  try {
    execFileSync(process.execPath, ['--cpu-prof', '--cpu-prof-dir', folder, script, ...args], { stdio: 'ignore' });
    const [name] = readdirSync(folder);
    return shares(JSON.parse(readFileSync(join(folder, name), 'utf8')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function shares({ nodes, samples, timeDeltas }) {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const componentOf = (id) => {
    // Native code has no file. Its time is added to the caller's component.
    for (let at = id; at !== undefined; at = parents.get(at)) {
      const { functionName, url } = byId.get(at).callFrame;
      if (functionName === '(garbage collector)') return 'garbage collector';
      if (functionName === '(idle)') return 'waiting';
      const component = COMPONENTS.find(([, files]) => files.test(url));
      if (component) return component[0];
    }
    return 'start-up and other';
  };
  const sums = new Map();
  samples.forEach((id, index) => {
    const component = componentOf(id);
    sums.set(component, (sums.get(component) ?? 0) + timeDeltas[index]);
  });
  const total = [...sums.values()].reduce((sum, time) => sum + time, 0);
  return [...sums].map(([component, time]) => [component, time / total]).toSorted(([, a], [, b]) => b - a);
}
