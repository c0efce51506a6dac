// The arguments of `podman run` for the pods of an example cell, without podman.
import { describe, expect, it } from 'vitest';
import { nano } from '../../infra/deploy/examples.ts';
import { parseCell } from '../../infra/deploy/parse-cell.ts';
import { podSpec, workloads } from '../infra/deploy/pods.ts';
import { containerArguments, type Place, type Running } from './pod-arguments.ts';

const place: Place = {
  runName: 'run',
  network: 'net',
  secrets: { 'expert-plane': '/secrets/expert-plane' },
  onUnhealthy: () => {},
};
const [set] = workloads(parseCell(nano), 'StatefulSet');
if (set === undefined) throw new Error('nano has no shards');
const shard: Running = {
  name: 'container',
  podName: 'nano-shards-a-0',
  network: 'container:sandbox',
  spec: podSpec(set),
  scratch: '/scratch',
};

/** The shard with other fields of its container. */
const withContainer = (change: object): Running => ({
  ...shard,
  spec: { ...shard.spec, containers: shard.spec.containers.map((each) => ({ ...each, ...change })) },
});

it('a shard gets its limits, its user, its volumes and the name of its pod, and may do nothing else', () => {
  const line = containerArguments(place, shard).join(' ');
  for (const part of [
    '--cpus 0.5 --memory 256m --memory-swap 256m',
    '--user 10001:10001 --group-add 10001',
    '--security-opt no-new-privileges --read-only --read-only-tmpfs=false --cap-drop all',
    '--volume /secrets/expert-plane:/etc/expertgrid/secret:ro --volume /scratch:/tmp:rw',
    '--env MALLOC_ARENA_MAX=2',
    `${nano.image} shard --model nano --experts 0-23 --name nano-shards-a-0 `,
  ]) {
    expect(line).toContain(part);
  }
  expect(line).not.toContain('$(');
});

describe('an error names', () => {
  it('a field that has no arguments', () => {
    const tty = withContainer({ tty: true });
    expect(() => containerArguments(place, tty)).toThrow('fields that the suite does not know: tty');
  });

  it('a Secret without files', () => {
    const none = { ...place, secrets: {} };
    expect(() => containerArguments(none, shard)).toThrow('no files for the Secret expert-plane');
  });

  it('a limit in another unit', () => {
    const large = withContainer({ resources: { limits: { cpu: '500m', memory: '1Gi' } } });
    expect(() => containerArguments(place, large)).toThrow('must end with m and Mi');
  });
});
