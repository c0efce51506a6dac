// Adds keys to a file of API keys and removes them, while gateways read the file.
import { appendFile, open, realpath, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { readRegularFile } from '../../base/read-file.ts';
import { keyLine, NO_KEYS, parseKeys, type StoredKey, withoutKey } from '../../gateway/api/tenants/keys.ts';

/** Creates the file if there is none. Rejects if the file has a key of that name. */
export async function addKey(path: string, key: StoredKey): Promise<void> {
  await locked(path, async () => {
    const text = await readOrEmpty(path);
    if (parseKeys(text, path).some(({ name }) => name === key.name)) {
      throw new Error(`${path} has a key named ${key.name}; revoke it first, or take another name`);
    }
    const start = text === '' || text.endsWith('\n') ? '' : '\n';
    await appendFile(path, start + keyLine(key), { mode: 0o600 });
  });
}

/** Rejects if the file has no key of that name. */
export async function removeKey(path: string, name: string): Promise<void> {
  await locked(path, async () => {
    const left = withoutKey(await read(path), name, path);
    if (left === undefined) throw new Error(`${path} has no key named ${name}`);
    const text = left.trim() === '' ? NO_KEYS : left;
    // Replaces the file and not a link to it.
    const file = await realpath(path);
    await writeFile(`${file}.new`, text, { mode: (await stat(file)).mode & 0o777 });
    await rename(`${file}.new`, file);
  });
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await read(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

async function read(path: string): Promise<string> {
  return (await readRegularFile(path)).toString();
}

/** Lets one writer in at a time, because a rename would lose what another appends. */
async function locked(path: string, write: () => Promise<void>): Promise<void> {
  const lock = `${path}.lock`;
  const handle = await open(lock, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new Error(`${path} is being written by another command; if none runs, delete ${lock}`);
  });
  try {
    await write();
  } finally {
    await handle.close();
    await unlink(lock);
  }
}
