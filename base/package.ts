// The root folder and the version of this package.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const packageRoot: string = findRoot(import.meta.dirname);

export const version: string = (
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
).version;

/** Searches the parent folders for our package.json, because this module is one folder deeper in `dist/` than in a checkout. */
function findRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const { name } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as { name?: string };
      if (name === 'expertgrid') return at;
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause;
    }
    if (dirname(at) === at) throw new Error(`no package.json of expertgrid above ${folder}`);
  }
}
