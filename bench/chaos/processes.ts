// Child processes and their log. The children end with this process, even if they are stopped (SIGSTOP).
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Makes SIGINT and SIGTERM end this process and with it all children. */
export function endAtSignals(): void {
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}

/** Runs a file under the Node of this process, in a network namespace if one is named. `file` is a path from this folder. */
export function spawnKept(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
  namespace?: string,
): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  // `ip netns exec` becomes the program that it starts, so signals reach this program.
  const [command, ...before] =
    namespace === undefined ? [process.execPath] : ['ip', 'netns', 'exec', namespace, process.execPath];
  const child = spawn(command, [...before, path, ...args], options);
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  return child;
}

export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Sends the signal and resolves when the process has ended. Sends SIGKILL after `graceMs`. */
export async function end(child: ChildProcess, signal: NodeJS.Signals, graceMs = 15_000): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}

/** Opens a log for the processes of a run in a new temporary folder and prints its path. `log` is a file descriptor. */
export function openLog(name: string): { folder: string; path: string; log: number } {
  const folder = mkdtempSync(join(tmpdir(), `expertgrid-${name}-`));
  const path = join(folder, 'processes.log');
  console.log(`logs of the processes: ${path}`);
  return { folder, path, log: openSync(path, 'a') };
}
