// The commit of this checkout, for the records of benchmarks.
import { execFileSync } from 'node:child_process';

/** Short hash, with a note if files differ from the commit. */
export function commitHere(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' and changes'}`;
  } catch {
    return 'unknown (no git here)';
  }
}
