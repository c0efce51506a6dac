// `expertgrid up` as a separate process, for runs that use its HTTP API.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endTree } from './process-tree.ts';

export interface UpProcess {
  pid: number;
  /** Of the gateway. */
  url: string;
  /** Resolves however it ends. */
  ended: Promise<unknown>;
  hasEnded(): boolean;
  stop(): Promise<void>;
}

const ourMain = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

/** At its ready line; `flags` beside model and port. Rejects if it ends before. */
export async function startUp(
  model: string,
  flags: readonly string[],
  main: string = ourMain,
): Promise<UpProcess> {
  const args = [main, 'up', '--model', model, '--port', '0', '--log-level', 'warn', ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  await once(child, 'spawn');
  const pid = child.pid ?? Number.NaN;
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, address] = /^ready in .* at (http:\S+),/m.exec(said) ?? [];
      if (address !== undefined) resolve(address);
    });
    child.on('close', () => reject(new Error('expertgrid up ended before it served')));
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return { pid, url, ended, hasEnded, stop: () => endTree(pid, ended) };
}
