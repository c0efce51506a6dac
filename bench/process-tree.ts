// Measures and ends a process and its descendants: memory, bytes read and CPU time, all from Linux's /proc.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** `pid` and its living descendants. */
export function treeOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = readOrGone(`/proc/${name}/stat`);
    // The command's name stands in brackets and may contain any characters, brackets included.
    const parent = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const tree = [pid].filter((each) => parents.has(each));
  for (const each of tree) {
    for (const [child, parent] of parents) if (parent === each) tree.push(child);
  }
  return tree;
}

/**
 * Bytes of memory that `pid` and its descendants take together. The result is the sum of their proportional
 * set sizes, in which a page that n processes share counts 1/n in each. The parts of `files` (path to size)
 * that they map are counted differently: once, and as if every page had been used.
 */
export function memoryOf(pid: number, files: ReadonlyMap<string, number>): number {
  const mapped = new Map<string, number>();
  let bytes = 0;
  for (const { path, size, share } of treeOf(pid).flatMap(mappingsOf)) {
    if (files.has(path)) mapped.set(path, (mapped.get(path) ?? 0) + size);
    else bytes += share;
  }
  for (const [path, size] of mapped) bytes += Math.min(size, files.get(path) ?? 0);
  return bytes;
}

/** Proportional set size of one process: a page that n processes share counts 1/n in each. */
export function proportionalBytes(pid: number): number {
  const [, kilobytes] = /^Pss: +(\d+) kB/m.exec(readOrGone(`/proc/${pid}/smaps_rollup`) ?? '') ?? [];
  if (kilobytes === undefined) throw new Error(`process ${pid} tells no proportional set size`);
  return 1024 * Number(kilobytes);
}

/** Bytes that `pid` and its descendants have read from storage, page faults included. */
export function bytesRead(pid: number): number {
  return treeOf(pid).reduce((sum, each) => {
    const [, bytes = 0] = /^read_bytes: (\d+)/m.exec(readOrGone(`/proc/${each}/io`) ?? '') ?? [];
    return sum + Number(bytes);
  }, 0);
}

/** Asks `pid` to end. If it has not ended after `graceMs`, kills its whole tree. */
export async function endTree(pid: number, ended: Promise<unknown>, graceMs = 15_000): Promise<void> {
  const tree = treeOf(pid);
  signal(pid, 'SIGTERM');
  const timer = new AbortController();
  const late = delay(graceMs, 'late', { signal: timer.signal }).catch(() => 'ended');
  if ((await Promise.race([ended, late])) === 'late') for (const each of tree) signal(each, 'SIGKILL');
  timer.abort();
  await ended;
}

/**
 * CPU time of `pid` and its living descendants, in ticks of /proc/stat. Ended children that were waited for
 * are included.
 */
export function processorTicks(pid: number): number {
  return treeOf(pid).reduce((sum, each) => {
    const stat = readOrGone(`/proc/${each}/stat`) ?? '';
    // utime and stime of the process, then the same two for its children that were waited for.
    const times = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15);
    return times.reduce((total, time) => total + Number(time), sum);
  }, 0);
}

export function killDescendants(pid: number): void {
  for (const each of treeOf(pid)) if (each !== pid) signal(each, 'SIGKILL');
}

/** Every mapping of the process: the file behind it, its size, and its proportional set size. Bytes. */
function mappingsOf(pid: number): { path: string; size: number; share: number }[] {
  // A mapping's first line: addresses, rights, offset, device, inode, path.
  const blocks = (readOrGone(`/proc/${pid}/smaps`) ?? '').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return blocks.map((block) => ({
    path: /^(?:\S+ +){5}(\/.*)$/m.exec(block)?.[1] ?? '',
    size: 1024 * Number(/^Size: +(\d+) kB/m.exec(block)?.[1] ?? 0),
    share: 1024 * Number(/^Pss: +(\d+) kB/m.exec(block)?.[1] ?? 0),
  }));
}

function readOrGone(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH'].includes(String(error.code));
}
