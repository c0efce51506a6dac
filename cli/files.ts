// Finds the directories of models: of the embedded model `nano`, and of bundles that the user names.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { packageRoot } from '../base/package.ts';

/** `nano` is the embedded model unless the current folder has a directory of that name. */
export function modelDirectory(name: string): string {
  return name === 'nano' && !existsSync('nano') ? join(packageRoot, 'models', 'nano') : resolve(name);
}

/** Rejects if the directory is not a bundle. The error says what the directory holds instead, and names `flag`. */
export async function bundleDirectory(name: string, flag = '--model'): Promise<string> {
  const dir = modelDirectory(name);
  if (existsSync(join(dir, 'bundle.json')) && !dir.endsWith('.partial')) return dir;
  // Imported only for the error, so that a shard does not keep the module in memory.
  throw await (await import('./flags/model-paths.ts')).bundleFault(dir, flag);
}
