// `expertgrid up` as a separate process, for benchmarks that use its HTTP API.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { untilOutput } from './child-output.ts';
import { endTree } from './process-tree.ts';

export interface UpProcess {
  pid: number;
  /** Address of the gateway. */
  url: string;
  /** Resolves when the process has ended, whatever the reason. */
  ended: Promise<unknown>;
  hasEnded(): boolean;
  stop(): Promise<void>;
}

const ourMain = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

/**
 * Starts `up` with `--model`, `--port` and these flags, and resolves when it is ready. If it ends before it is ready,
 * rejects with its output. `main` is the cli/main.ts to run; the default is that of this checkout.
 */
export async function startUp(
  model: string,
  flags: readonly string[],
  { main = ourMain, printErrors = true }: { main?: string; printErrors?: boolean } = {},
): Promise<UpProcess> {
  const args = [main, 'up', '--model', model, '--port', '0', '--log-level', 'warn', ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  if (printErrors) child.stderr.pipe(process.stderr);
  const ended = once(child, 'close');
  await once(child, 'spawn');
  const pid = child.pid ?? Number.NaN;
  const url = await untilOutput(child, /^ready in .* at (http:\S+),/m, 'expertgrid up');
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return { pid, url, ended, hasEnded, stop: () => endTree(pid, ended) };
}

/** Makes SIGINT and SIGTERM stop `up` before this process exits. */
export function stopAtSignals({ stop }: UpProcess): void {
  process.once('SIGINT', () => void stop().then(() => process.exit(130)));
  process.once('SIGTERM', () => void stop().then(() => process.exit(143)));
}
