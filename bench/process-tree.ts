// Measures and ends a process and its descendants: memory, bytes read and CPU time, all from Linux's /proc.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Ids of the living processes among `pid` and its descendants. */
export function treeOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = readOrGone(`/proc/${name}/stat`);
    // The command name stands in brackets and may itself contain brackets and spaces.
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
 * Memory of `pid` and its descendants in bytes: the sum of their proportional set sizes, in which a page that n processes
 * share counts 1/n in each. The mapped parts of `files` (path → size in bytes) are counted differently: once for all
 * processes, and as if every page had been used.
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

/**
 * Proportional set size of one process in bytes: a page that n processes share counts 1/n in each. `anonymous` is the part
 * without files. Throws if the process has ended.
 */
export function proportionalMemory(pid: number): { pss: number; anonymous: number } {
  const path = `/proc/${pid}/smaps_rollup`;
  const rollup = readOrGone(path) ?? '';
  const bytesOf = (field: 'Pss' | 'Pss_Anon') => {
    const [, kilobytes] = new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(rollup) ?? [];
    if (kilobytes === undefined) throw new Error(`process ${pid} has no ${field} in ${path}`);
    return 1024 * Number(kilobytes);
  };
  return { pss: bytesOf('Pss'), anonymous: bytesOf('Pss_Anon') };
}

export function proportionalBytes(pid: number): number {
  return proportionalMemory(pid).pss;
}

/** Bytes that `pid` and its descendants have read from storage, page faults included. */
export function bytesRead(pid: number): number {
  return treeOf(pid).reduce((sum, each) => {
    const [, bytes = 0] = /^read_bytes: (\d+)/m.exec(readOrGone(`/proc/${each}/io`) ?? '') ?? [];
    return sum + Number(bytes);
  }, 0);
}

/** Sends SIGTERM to `pid`. If `ended` has not resolved after `graceMs`, kills `pid` and its descendants. */
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
 * CPU time of `pid` and its living descendants, in ticks of /proc/stat (100 a second). Includes ended children that their
 * parent has waited for.
 */
export function processorTicks(pid: number): number {
  return treeOf(pid).reduce((sum, each) => {
    const stat = readOrGone(`/proc/${each}/stat`) ?? '';
    // User and system time of the process, then the same for ended children that it has waited for.
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

/** Mappings of a process: the file behind each (or an empty path), its size and its proportional set size in bytes. */
function mappingsOf(pid: number): { path: string; size: number; share: number }[] {
  // A mapping's first line: addresses, rights, offset, device, inode, path.
  const blocks = (readOrGone(`/proc/${pid}/smaps`) ?? '').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return blocks.map((block) => ({
    path: /^(?:\S+ +){5}(\/.*)$/m.exec(block)?.[1] ?? '',
    size: 1024 * Number(/^Size: +(\d+) kB/m.exec(block)?.[1] ?? 0),
    share: 1024 * Number(/^Pss: +(\d+) kB/m.exec(block)?.[1] ?? 0),
  }));
}

/** Undefined if the process has ended. */
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
