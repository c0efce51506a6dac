// A process and all that came of it, as Linux's /proc shows them: memory, bytes read, and their end. Knows no engine.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** `pid` and its descendants that are alive. */
export function treeOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = readOrGone(`/proc/${name}/stat`);
    // The command's name, in brackets, may hold anything.
    const parent = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const tree = [pid].filter((each) => parents.has(each));
  for (const each of tree) {
    for (const [child, parent] of parents) if (parent === each) tree.push(child);
  }
  return tree;
}

/** Proportional set size of all of them: a page that n processes share counts 1/n in each. Bytes. */
export function memoryOf(pid: number): number {
  return sumOf(pid, 'smaps_rollup', /^Pss:\s+(\d+) kB/m) * 1024;
}

/** From storage, page faults included. Bytes. */
export function bytesRead(pid: number): number {
  return sumOf(pid, 'io', /^read_bytes: (\d+)/m);
}

/** Asks `pid` to end, and kills what is left of its tree after `graceMs`. */
export async function endTree(pid: number, ended: Promise<unknown>, graceMs = 15_000): Promise<void> {
  const tree = treeOf(pid);
  signal(pid, 'SIGTERM');
  const timer = new AbortController();
  const late = delay(graceMs, 'late', { signal: timer.signal }).catch(() => 'ended');
  if ((await Promise.race([ended, late])) === 'late') for (const each of tree) signal(each, 'SIGKILL');
  timer.abort();
  await ended;
}

function sumOf(pid: number, file: string, pattern: RegExp): number {
  return treeOf(pid).reduce((sum, each) => {
    const [, amount = 0] = pattern.exec(readOrGone(`/proc/${each}/${file}`) ?? '') ?? [];
    return sum + Number(amount);
  }, 0);
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
