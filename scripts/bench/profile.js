// Where the time of a run of rdgw goes: its CPU profile, summed up by rooms of the source tree.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A room and the files in it, the first that matches counts. */
const ROOMS = [
  ['read the file, cut packets', /src\/capture\/file\/|pcap-parser|src\/decode\/input/],
  ['IP and TCP', /src\/capture\/(?:link|ip|tcp)/],
  ['TLS (decryption included)', /src\/capture\/tls\/|node:internal\/crypto/],
  ['HTTP and WebSocket', /src\/capture\/(?:http\/|websocket|unmask|frame-header|conversation|leg|live|resync)/],
  ['PDUs', /src\/protocol\/|src\/capture\/(?:tunnel|checks|watch|pdu-probe|notes|dissection)/],
  ['show', /src\/(?:decode|render)\//],
];

/** `[room, share of the time]`, largest first. */
export function whereTimeGoes(script, args) {
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
  const roomOf = (id) => {
    // Native code has no file of its own: it works for whoever called it.
    for (let at = id; at !== undefined; at = parents.get(at)) {
      const { functionName, url } = byId.get(at).callFrame;
      if (functionName === '(garbage collector)') return 'garbage collector';
      if (functionName === '(idle)') return 'waiting';
      const room = ROOMS.find(([, files]) => files.test(url));
      if (room) return room[0];
    }
    return 'start and the rest';
  };
  const sums = new Map();
  samples.forEach((id, index) => {
    const room = roomOf(id);
    sums.set(room, (sums.get(room) ?? 0) + timeDeltas[index]);
  });
  const all = [...sums.values()].reduce((sum, one) => sum + one, 0);
  return [...sums].map(([room, time]) => [room, time / all]).toSorted(([, one], [, other]) => other - one);
}
