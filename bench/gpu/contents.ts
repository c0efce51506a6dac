// What the package for a GPU machine holds: tracked files, and the npm packages that the tests and the bench load. Pure, except
// for `packagesFor`, which reads package.json files.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Tracked files that nothing on the GPU machine reads. */
const LEFT_OUT = ['models/', 'test/clients/', 'docs/', 'train/', 'bench/peers/', 'package-lock.json'];

/** Loaded by the tests, besides the dependencies of the package. */
const TEST_PACKAGES = ['vitest', 'vite', 'fast-check', 'onnxruntime-node'];

/** Parts of packages for other systems, and files that only tools for developers read. */
const UNUSED = /^onnxruntime-node\/bin\/napi-v6\/(darwin|win32|linux\/arm64)(\/|$)|\.(map|md|d\.[cm]?ts)$/;

export function isCarried(file: string): boolean {
  return !LEFT_OUT.some((start) => file.startsWith(start));
}

/** `path`: a file or folder below node_modules. */
export function isUsed(path: string): boolean {
  return !UNUSED.test(path);
}

/** Names of the installed packages that the package in folder `root` and the tests need, with all their dependencies. */
export function packagesFor(root: string): string[] {
  const manifest = (folder: string): { dependencies?: object; optionalDependencies?: object } =>
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const needed = new Set([...Object.keys(manifest(root).dependencies ?? {}), ...TEST_PACKAGES]);
  for (const name of needed) {
    const folder = join(root, 'node_modules', name);
    // Optional dependencies for other systems are not installed.
    if (!existsSync(folder)) needed.delete(name);
    else {
      const { dependencies, optionalDependencies } = manifest(folder);
      for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) needed.add(next);
    }
  }
  return [...needed].sort();
}
