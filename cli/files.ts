// Where our own files are: the model that comes with the package.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { packageRoot } from '../base/package.ts';

/** A bundle's directory; `nano` is the embedded model unless a directory of that name is here. */
export function modelDirectory(name: string): string {
  return name === 'nano' && !existsSync('nano') ? join(packageRoot, 'models', 'nano') : resolve(name);
}

/** Directory of the bundle that `name` stands for. Rejects, saying what the path is instead, if it is none. */
export async function bundleDirectory(name: string, flag = '--model'): Promise<string> {
  const dir = modelDirectory(name);
  if (existsSync(join(dir, 'bundle.json')) && !dir.endsWith('.partial')) return dir;
  // Loaded only now: a shard should not hold what it needs for an error alone.
  throw await (await import('./flags/model-paths.ts')).bundleFault(dir, flag);
}
