// The name and version that a bundle records as its maker.
import { existsSync, readFileSync } from 'node:fs';

/** `expertgrid VERSION`, from the nearest package.json above this file (its depth differs once compiled). */
export function toolVersion(): string {
  for (let dir = new URL('./', import.meta.url); ; dir = new URL('../', dir)) {
    const path = new URL('package.json', dir);
    if (existsSync(path)) {
      const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'));
      return `expertgrid ${version}`;
    }
    if (dir.pathname === '/') throw new Error('no package.json above this file');
  }
}
