// What a shard keeps in `--state DIR`: each model's placement and the experts it held last, so that a restart continues from there.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import type { PlacedState } from '../../experts/placing/kept-state.ts';
import { parsePlacement } from '../../experts/placing/placement-file.ts';

export interface ShardState {
  /** Undefined if nothing was kept of the model. Rejects with an error that names the file if it cannot be read. */
  read(identity: string): Promise<PlacedState | undefined>;
  /** Resolves when the state outlasts a crash. States are saved in the order of the calls. */
  save(identity: string, state: PlacedState): Promise<void>;
}

/** Keeps nothing without a directory. */
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

/** One file for each model; identities are `sha256:` and 64 hex digits. */
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
