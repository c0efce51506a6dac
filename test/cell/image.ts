// Builds the image as docs/deploy.md says: packs this checkout, installs the package into a folder, and builds the Containerfile.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { podman } from './podman.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const containerfile = join(root, 'Containerfile');

const INSTALL = ['install', '--prefix', 'image', '--omit=dev', '--omit=optional', '--ignore-scripts'];
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund'];

/** Builds an image with these names, beginning with `npm pack`. All times in it are those of the epoch. */
export async function buildImage(names: readonly string[]): Promise<void> {
  const base = await baseImage();
  const folder = await mkdtemp(join(tmpdir(), 'expertgrid-image-'));
  try {
    const options = { cwd: folder, env: environment() };
    await run('npm', ['pack', '--silent', '--pack-destination', folder], { ...options, cwd: root });
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    await run('npm', [...INSTALL, ...QUIET, `./expertgrid-${version}.tgz`], options);
    await cp(join(root, '.containerignore'), join(folder, '.containerignore'));
    await podman(
      ...['build', '--quiet', '--no-cache', '--pull=never', '--timestamp', '0'],
      ...['--build-arg', `NODE_IMAGE=${base}`, '--file', containerfile],
      ...names.flatMap((name) => ['--tag', name]),
      folder,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** NODE_IMAGE, or else the base image that the Containerfile names. */
async function baseImage(): Promise<string> {
  const [, usual = ''] = /^ARG NODE_IMAGE=(\S+)$/m.exec(await readFile(containerfile, 'utf8')) ?? [];
  const name = process.env.NODE_IMAGE ?? usual;
  try {
    await podman('image', 'exists', name);
  } catch {
    throw new Error(
      `there is no image ${name} on this machine. Pull it (podman pull ${name}), or name another image with Node 22.18 or newer in NODE_IMAGE. docs/deploy.md has the steps to make one without a registry.`,
    );
  }
  return name;
}

/** That of a shell with the Node that runs the tests: npm must not take settings of the npm that runs the suite. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|VITEST|NODE_)/i.test(name));
  return { ...Object.fromEntries(own), PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };
}
