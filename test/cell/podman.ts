// Runs podman. Everything that a run of the suite makes has the label of the run, by which it is found and removed.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorText } from '../../base/error-text.ts';

const run = promisify(execFile);

/** Global flags of podman, such as `--runtime runc`. */
const FLAGS = (process.env.PODMAN_FLAGS ?? '').split(' ').filter((flag) => flag !== '');
const LABEL = 'expertgrid.test';
const MOST_OUTPUT_BYTES = 64 * 2 ** 20;

/** Resolves to standard output without the last line break. Rejects with what podman says. */
export async function podman(...args: readonly string[]): Promise<string> {
  return (await call(args)).stdout.trimEnd();
}

/** The last lines that a container has written to standard output and standard error. */
export async function logOf(container: string, lines = 40): Promise<string> {
  const { stdout, stderr } = await call(['logs', '--tail', `${lines}`, container]);
  return stdout + stderr;
}

/** Working directory of podman, which may leave a file there when a container is out of memory. */
let folder: string | undefined;

async function call(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  try {
    folder ??= mkdtempSync(join(tmpdir(), 'expertgrid-podman-'));
    return await run('podman', [...FLAGS, ...args], { cwd: folder, maxBuffer: MOST_OUTPUT_BYTES });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(`podman ${args.join(' ')}: ${said === '' ? errorText(error) : said}`, { cause: error });
  }
}

/** Throws an error that says what to do if the suite cannot run here. */
export async function requirePodman(): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error(
      'npm run test:cell needs Linux and root, because it calls containers by their addresses and cuts their networks. Run it with sudo.',
    );
  }
  try {
    await podman('info');
  } catch (error) {
    throw new Error(
      `npm run test:cell needs podman 4 or newer. Install it, and name global flags that it needs here in PODMAN_FLAGS, such as PODMAN_FLAGS='--runtime runc'. ${errorText(error)}`,
    );
  }
}

export function labelOf(runName: string): string {
  return `${LABEL}=${runName}`;
}

/** Removes the containers and networks of a run. Synchronous, because it also runs when the process exits. */
export function removeAll(runName: string): void {
  const filter = ['--filter', `label=${labelOf(runName)}`];
  const containers = listNow('ps', '--all', '--quiet', ...filter);
  // Containers depend on the container whose network they share, and are removed with it.
  if (containers.length > 0) listNow('rm', '--force', '--time', '0', '--depend', '--ignore', ...containers);
  const networks = listNow('network', 'ls', '--quiet', ...filter);
  if (networks.length > 0) listNow('network', 'rm', '--force', ...networks);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
}

/** The lines that podman prints. */
export function listNow(...args: readonly string[]): string[] {
  const printed = execFileSync('podman', [...FLAGS, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return printed.split('\n').filter((line) => line !== '');
}
