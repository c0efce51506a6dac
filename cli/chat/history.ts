// The lines typed in earlier chats, in a file that only the user may read.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/** Most lines kept. */
export const HISTORY_LINES = 1_000;

/** In the user's directory for the state of programs. */
export function historyPath(env: NodeJS.ProcessEnv): string {
  const { XDG_STATE_HOME: given } = env;
  const state = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'state');
  return join(state, 'expertgrid', 'chat-history');
}

/** Newest first; none if there is no file. */
export function readHistory(path: string): string[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').reverse();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** `lines` has the newest first; the file has the newest last, as in shells. Written at once, because a terminal may be closed. */
export function writeHistory(path: string, lines: readonly string[]): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${lines.slice(0, HISTORY_LINES).reverse().join('\n')}\n`, { mode: 0o600 });
  chmodSync(path, 0o600); // the mode above applies only to a new file
}
