// Runs a command at a pseudo-terminal, as a user does: it sends keys and reads the bytes that the screen gets. Needs
// `script` of util-linux.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { eventually } from './process.ts';

export interface Terminal {
  /** All output so far. */
  readonly shown: string;
  /** The exit code of the command. */
  readonly exit: Promise<number | null>;
  /** Sends keys. */
  type(keys: string): void;
  /** Waits for a match in the output after the previous match, and returns it. Rejects after `withinMs` (default 60 s). */
  shows(pattern: RegExp, withinMs?: number): Promise<string>;
}

export const CTRL_C = '\x03';
export const CTRL_D = '\x04';
export const UP = '\x1b[A';

export function openTerminal(command: readonly string[], env: NodeJS.ProcessEnv): Terminal {
  const line = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...env, TERM: 'xterm' },
  });
  const exit = once(child, 'close').then(([code]): number | null => code);
  let shown = '';
  let seen = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return {
    get shown() {
      return shown;
    },
    exit,
    type: (keys) => void child.stdin.write(keys),
    async shows(pattern, withinMs = 60_000) {
      const match = await eventually(() => pattern.exec(shown.slice(seen)) ?? undefined, withinMs).catch(
        () => {
          throw new Error(
            `not shown within ${withinMs} ms: ${pattern} in ${JSON.stringify(shown.slice(seen))}`,
          );
        },
      );
      seen += match.index + match[0].length;
      return match[0];
    },
  };
}
