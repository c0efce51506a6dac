// The history file of `expertgrid chat`: the lines of earlier chats. Only the user may read it.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/** Most lines in the file. Older lines are dropped. */
export const HISTORY_LINES = 1_000;

/** The path of the file, below the user's state directory. */
export function historyPath(env: NodeJS.ProcessEnv): string {
  const { XDG_STATE_HOME: given } = env;
  const state = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'state');
  return join(state, 'expertgrid', 'chat-history');
}

/** Returns the newest line first, and no lines if there is no file. */
export function readHistory(path: string): string[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').reverse();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** `lines` has the newest line first, and the file has it last. Synchronous, because a closed terminal ends the process. */
export function writeHistory(path: string, lines: readonly string[]): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${lines.slice(0, HISTORY_LINES).reverse().join('\n')}\n`, { mode: 0o600 });
  chmodSync(path, 0o600); // the mode above applies only to a new file
}
