// Directories of models: the embedded model `nano`, and bundles that the user names.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { packageRoot } from '../base/package.ts';

/** The directory of a bundle; `nano` is the embedded model unless the current folder has a directory of that name. */
export function modelDirectory(name: string): string {
  return name === 'nano' && !existsSync('nano') ? join(packageRoot, 'models', 'nano') : resolve(name);
}

/** The directory of the bundle `name`. Rejects with an error that says what the path is, if it is not a bundle. */
export async function bundleDirectory(name: string, flag = '--model'): Promise<string> {
  const dir = modelDirectory(name);
  if (existsSync(join(dir, 'bundle.json')) && !dir.endsWith('.partial')) return dir;
  // Loaded only for the error, so that a shard does not keep it in memory.
  throw await (await import('./flags/model-paths.ts')).bundleFault(dir, flag);
}
