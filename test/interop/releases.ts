// The two releases that are run together: this tree, and the previous release, unpacked from the git history.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { tinyFolder } from '../support/models/tiny-bundle.ts';
import { type Running, startProcess } from '../support/process.ts';

/** The commit of the previous release. Whoever makes a release writes its commit here afterwards. */
const PREVIOUS = '286f76dbe422';

export type Release = 'old' | 'new';

/** Folder of each release. */
export type Releases = Readonly<Record<Release, string>>;

const root = join(import.meta.dirname, '..', '..');

/**
 * Unpacks the previous release into a temporary folder and builds its kernels. It shares this tree's packages. Throws if the
 * git history lacks the commit, or if the kernels cannot be built.
 */
export async function unpackReleases(): Promise<Releases> {
  requireHistory();
  const old = join(await tinyFolder(), 'previous');
  await mkdir(old);
  const archive = execFileSync('git', ['archive', PREVIOUS], { cwd: root, maxBuffer: 2 ** 30 });
  execFileSync('tar', ['-x', '-C', old], { input: archive });
  await symlink(join(root, 'node_modules'), join(old, 'node_modules'));
  const said = execFileSync('npm', ['run', '-s', 'install'], { cwd: old, encoding: 'utf8', stdio: 'pipe' });
  if (!existsSync(join(old, 'kernels', 'build', 'Release', 'kernels.node'))) {
    throw new Error(`the kernels of the previous release were not built in ${old}: ${said}`);
  }
  return { old, new: root };
}

function requireHistory(): void {
  try {
    execFileSync('git', ['rev-parse', '--verify', '--quiet', `${PREVIOUS}^{commit}`], { cwd: root });
  } catch {
    throw new Error(
      `commit ${PREVIOUS}, the previous release, is not in the git history of ${root}. These tests need a clone with its ` +
        'history: in a shallow clone, run git fetch --unshallow.',
    );
  }
}

/** `expertgrid …args` of the release in `folder`. */
export function startRelease(folder: string, args: readonly string[]): Running {
  return startProcess(process.execPath, [join(folder, 'cli', 'main.ts'), ...args]);
}

/** Runs `expertgrid …args` of the release in `folder`. Throws if it fails. */
export async function runRelease(folder: string, ...args: string[]): Promise<string> {
  const run = startRelease(folder, args);
  const { code } = await run.exit;
  if (code !== 0) throw new Error(`${args.join(' ')} exited with ${code}: ${run.stderr}`);
  return run.stdout;
}
