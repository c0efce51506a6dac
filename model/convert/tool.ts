// The name and version that a bundle records as its maker.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `expertgrid VERSION`, from the nearest package.json above this file (its depth differs once compiled). */
export function toolVersion(): string {
  for (let dir = import.meta.dirname; ; dir = dirname(dir)) {
    const path = join(dir, 'package.json');
    if (existsSync(path)) {
      const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'));
      return `expertgrid ${version}`;
    }
    if (dirname(dir) === dir) throw new Error(`no package.json above ${import.meta.dirname}`);
  }
}
