// Locks a `--state` directory for one shard, because two shards would overwrite each other's placement and experts.
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { lockFile } from '../../model/file-lock.ts';

/** Holds the lock until this process ends. Throws an error that names the holder if another process has it. */
export function lockState(dir: string, log: { warn(message: string): void }): void {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'lock');
  const file = openSync(path, 'a+', 0o600); // stays open, because the lock belongs to the descriptor
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
