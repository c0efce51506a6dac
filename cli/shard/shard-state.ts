// The directory `--state DIR` of a shard. For each model, it keeps the placement and the experts that the shard held last, so that a
// restart continues from there.
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import type { PlacedState } from '../../experts/placing/kept-state.ts';
import { parsePlacement } from '../../experts/placing/placement-file.ts';
import { lockFile } from '../../model/file-lock.ts';

export interface ShardState {
  /** Returns undefined if nothing was saved for the model. Rejects with an error that names the file if it cannot be read. */
  read(identity: string): Promise<PlacedState | undefined>;
  /** Resolves when a crash can no longer lose the state. States are saved in the order of the calls. */
  save(identity: string, state: PlacedState): Promise<void>;
}

/** Without a directory, `save` does nothing and `read` returns undefined. */
export function shardState(dir: string | undefined): ShardState {
  if (dir === undefined) return { read: async () => undefined, save: async () => {} };
  let saving: Promise<void> = Promise.resolve();
  return {
    async read(identity) {
      const path = join(dir, fileOf(identity));
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      return text === undefined ? undefined : parseState(text, path);
    },
    save(identity, state) {
      const saved = saving.then(() => write(dir, fileOf(identity), state));
      saving = saved.catch(() => {}); // the caller receives the error
      return saved;
    },
  };
}

/** The name of a model's file. An identity is `sha256:` and 64 hex digits. */
function fileOf(identity: string): string {
  return `placement-${identity.replace(/^sha256:/, '').slice(0, 16)}.json`;
}

async function write(dir: string, name: string, state: PlacedState): Promise<void> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, name);
  await writeFile(`${path}.new`, `${JSON.stringify(state, undefined, 1)}\n`, { flush: true });
  await rename(`${path}.new`, path);
}

function parseState(text: string, path: string): PlacedState {
  try {
    const { held, placement }: { held?: unknown; placement?: unknown } = JSON.parse(text);
    if (typeof held !== 'string') throw new Error('held must be text such as 0-23');
    return { held, placement: placement === undefined ? undefined : parsePlacement(placement) };
  } catch (cause) {
    const reason = errorText(cause);
    throw new Error(`${path}: ${reason}. Delete the file to start with the experts of --experts`, { cause });
  }
}

/**
 * Locks the directory for one shard, because two shards would overwrite each other's files. The lock ends with the process. If
 * another process has the lock, throws an error that names that process.
 */
export function lockState(dir: string, log: { warn(message: string): void }): void {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'lock');
  const file = openSync(path, 'a+', 0o600); // never closed after locking, because the lock ends with the descriptor
  const locked = lockFile(file);
  if (locked === undefined) {
    log.warn(
      `--state ${dir} cannot be locked, because the CPU kernels are not built here; give it to one shard only`,
    );
  } else if (!locked) {
    const holder = readFileSync(path, 'utf8').trim() || 'another process';
    closeSync(file);
    throw new Error(
      `--state ${dir} is in use by ${holder}. Give each shard a directory of its own, or wait for that process to end`,
    );
  }
  ftruncateSync(file);
  writeSync(file, `the shard with pid ${process.pid} on ${hostname()}\n`);
}
