// Runs the command line as a child process: starts it, reads its output, signals it, and kills it when the test file ends.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterFile } from './after-file.ts';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Running {
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
  /** Waits for a match on standard output or error. Rejects if the process ends or `withinMs` pass before that. */
  says(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
}

export interface ProcessRow {
  pid: number;
  parent: number;
  command: string;
}

const main = join(import.meta.dirname, '..', '..', 'cli', 'main.ts');

/** `expertgrid …args`, under the Node that runs the tests. */
export function startCli(args: readonly string[]): Running {
  return startProcess(process.execPath, [main, ...args]);
}

export interface StartOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Whether the process gets a process group of its own. Signals then go to the whole group, as from a terminal. */
  group?: boolean;
}

export function startProcess(
  file: string,
  args: readonly string[],
  { group = false, ...options }: StartOptions = {},
): Running {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: group, ...options });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exit = once(child, 'close').then(([code, signal]): Exit => ({ code, signal }));
  let ended = false;
  const self: Running = {
    pid: child.pid ?? Number.NaN,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    exit,
    signal(signal) {
      if (!group || child.pid === undefined) child.kill(signal);
      else process.kill(-child.pid, signal);
    },
    async says(pattern, withinMs = 120_000) {
      const look = () => pattern.exec(stdout) ?? pattern.exec(stderr) ?? (ended ? 'ended' : undefined);
      const match = await eventually(look, withinMs);
      if (match !== 'ended') return match;
      throw new Error(`${args.join(' ')} ended before its output matched ${pattern}: ${stdout}${stderr}`);
    },
  };
  afterFile(async () => {
    if (!ended) self.signal('SIGKILL');
    await exit.catch(() => {}); // a test that starts a missing program has seen this error
  });
  void exit.then(() => {
    ended = true;
  });
  return self;
}

/** Every process of the machine, as `ps` lists it. */
export function processes(): ProcessRow[] {
  const table = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return table.split('\n').flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

export function childrenOf(pid: number): ProcessRow[] {
  return processes().filter(({ parent, command }) => parent === pid && !command.startsWith('ps '));
}

export function isAlive(pid: number): boolean {
  return processes().some((row) => row.pid === pid && !row.command.includes('<defunct>'));
}

/** Whether a server can listen at this port of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  } finally {
    server.close();
  }
}

/** A port that is free now, for a server whose address must be known before it starts. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}

/**
 * Calls `look` until it returns neither undefined nor false, and returns that value. Rejects after `withinMs` (default 60
 * s).
 */
export async function eventually<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 60_000,
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > until) throw new Error(`not within ${withinMs} ms: ${look}`);
    await delay(10);
  }
}
