// Harms pods: cuts their network in silence, and uses up their memory.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Pod } from './pod.ts';
import { podman } from './podman.ts';

const run = promisify(execFile);

/** Drops every packet between a pod and others, except those of this machine, which asks the probes. Resolves to what ends this. */
export async function cutOff(pod: Pod, host: string): Promise<() => Promise<void>> {
  const inside = ['--target', String(await pod.networkPid()), '--net', 'iptables', '--wait'];
  const rules = [
    ['INPUT', '--in-interface', 'eth0', '!', '--source', host, '--jump', 'DROP'],
    ['OUTPUT', '--out-interface', 'eth0', '!', '--destination', host, '--jump', 'DROP'],
  ];
  for (const rule of rules) await run('nsenter', [...inside, '--append', ...rule]);
  return async () => {
    for (const rule of rules) await run('nsenter', [...inside, '--delete', ...rule]);
  };
}

/** Uses up the memory of the container, after it has made its process the first that the kernel kills. */
export async function eatMemory(pod: Pod): Promise<void> {
  const eat = 'const all = []; for (;;) all.push(Buffer.alloc(1e6, 1))';
  const script = `echo 1000 > /proc/1/oom_score_adj && exec node -e '${eat}'`;
  // Only a privileged process may write the score. It ends with the container, so that podman reports that it was killed.
  await podman('exec', '--privileged', '--user', '0', pod.process, 'sh', '-c', script).catch(() => {});
}

/**
 * Whether the kernel killed a process of the container because its memory was used up. podman says so, except that podman 4 over
 * cgroups v1 was seen to miss it. The kernel's log then names the container's cgroup.
 */
export async function wasOomKilled(pod: Pod): Promise<boolean> {
  if ((await pod.state()).OOMKilled) return true;
  const id = await podman('inspect', pod.process, '--format', '{{.Id}}');
  const { stdout } = await run('dmesg', [], { maxBuffer: 64 * 2 ** 20 });
  return stdout.split('\n').some((line) => line.includes('oom-kill:') && line.includes(`libpod-${id}`));
}
