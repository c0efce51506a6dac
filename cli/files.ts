// Finds directories: of the embedded model `nano`, of bundles that the user names, and of files that are kept between starts.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { packageRoot } from '../base/package.ts';

/** `nano` is the embedded model unless the current folder has a directory of that name. */
export function modelDirectory(name: string): string {
  return name === 'nano' && !existsSync('nano') ? join(packageRoot, 'models', 'nano') : resolve(name);
}

/** The directory of files that can be made again, below the user's cache directory. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const { XDG_CACHE_HOME: given } = env;
  const cache = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.cache');
  return join(cache, 'expertgrid');
}

/** Rejects if the directory is not a bundle. The error says what the directory holds instead, and names `flag`. */
export async function bundleDirectory(name: string, flag = '--model'): Promise<string> {
  const dir = modelDirectory(name);
  if (existsSync(join(dir, 'bundle.json')) && !dir.endsWith('.partial')) return dir;
  // Imported only for the error, so that a shard does not keep the module in memory.
  throw await (await import('./flags/model-paths.ts')).bundleFault(dir, flag);
}
