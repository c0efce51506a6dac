// Adds keys to and removes keys from a file of API keys that gateways may be reading.
import { appendFile, open, realpath, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { readRegularFile } from '../../base/read-file.ts';
import { keyLine, NO_KEYS, parseKeys, type StoredKey, withoutKey } from '../../gateway/api/tenants/keys.ts';

/** Creates the file if it does not exist. Rejects if the file has a key of that name. */
export async function addKey(path: string, key: StoredKey): Promise<void> {
  await locked(path, async () => {
    const text = await read(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '';
    });
    if (parseKeys(text, path).some(({ name }) => name === key.name)) {
      throw new Error(`${path} has a key named ${key.name}; revoke it first, or choose another name`);
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
    // If the path is a link, the rename must replace the file and not the link.
    const file = await realpath(path);
    await writeFile(`${file}.new`, text, { mode: (await stat(file)).mode & 0o777 });
    await rename(`${file}.new`, file);
  });
}

async function read(path: string): Promise<string> {
  return (await readRegularFile(path)).toString();
}

/** Allows only one writer at a time, because a writer that replaces the file would lose a key that another one appends meanwhile. */
async function locked(path: string, write: () => Promise<void>): Promise<void> {
  const lock = `${path}.lock`;
  const handle = await open(lock, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new Error(`${path} is being written by another command; if no such command runs, delete ${lock}`);
  });
  try {
    await write();
  } finally {
    await handle.close();
    await unlink(lock);
  }
}
