// Packs everything that a GPU machine without network needs to run bench/gpu/run.sh: `node bench/gpu/pack.ts --to DIR [--limit 64]
// [--fast]`. Writes DIR/expertgrid-gpu.tar.xz and DIR/run.sh, and prints the sizes. Exit code 1: the archive is larger than
// --limit MiB. `--fast` compresses little. Runs on Linux x64 with tar and xz; docs/devices.md says how to use the result.
import { execFileSync } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { readFlags } from '../flags.ts';
import { table } from '../print.ts';
import { isCarried, isUsed, packagesFor } from './contents.ts';

const flags = readFlags({ to: undefined, limit: '64', fast: false });
if (flags.to === undefined) throw new Error('--to DIR is missing: the directory to write to');
const to = resolve(flags.to);
const root = join(import.meta.dirname, '..', '..');
const archive = join(to, 'expertgrid-gpu.tar.xz');
/** The machine's Vulkan loader, which a GPU machine may lack. */
const LOADER = '/usr/lib/x86_64-linux-gnu/libvulkan.so.1';

const stage = await mkdtemp(join(tmpdir(), 'expertgrid-pack-'));
try {
  const parts = { Node: 'node', 'ONNX Runtime': 'tree/node_modules/onnxruntime-node', all: '.' };
  await copyTree();
  await copyPackages();
  await copyTo(process.execPath, join(stage, 'node', 'node'));
  await copyTo(
    join(root, 'kernels/build/Release/kernels.node'),
    join(stage, 'tree/kernels/build/Release/kernels.node'),
  );
  const hasLoader = await copyTo(LOADER, join(stage, 'vulkan', 'libvulkan.so.1')).then(
    () => true,
    () => false,
  );
  await mkdir(to, { recursive: true });
  compress();
  await copyFile(join(import.meta.dirname, 'run.sh'), join(to, 'run.sh'));
  const { size } = await stat(archive);
  const cells = Object.entries(parts).map(([name, folder]) => [name, mebibytes(sizeOf(join(stage, folder)))]);
  console.log(table(['part, unpacked', 'MiB'], cells).join('\n'));
  console.log(
    `${archive}: ${mebibytes(size)} MiB${hasLoader ? '' : '; without a Vulkan loader, which this machine lacks'}`,
  );
  if (size > Number(flags.limit) * 2 ** 20) {
    console.error(`the archive is larger than --limit ${flags.limit} MiB`);
    process.exitCode = 1;
  }
} finally {
  await rm(stage, { recursive: true });
}

/** Tracked files, and new files that git does not ignore. */
async function copyTree(): Promise<void> {
  const args = ['ls-files', '-co', '--exclude-standard', '-z'];
  const files = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0');
  for (const file of files.filter((name) => name !== '' && isCarried(name))) {
    await copyTo(join(root, file), join(stage, 'tree', file));
  }
}

async function copyPackages(): Promise<void> {
  const modules = join(root, 'node_modules');
  for (const name of packagesFor(root)) {
    await cp(join(modules, name), join(stage, 'tree', 'node_modules', name), {
      recursive: true,
      filter: (file) => isUsed(relative(modules, file)) || file === join(modules, name),
    });
  }
}

async function copyTo(from: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await copyFile(from, file);
}

/** The filter for x86 code makes Node and ONNX Runtime a tenth smaller. */
function compress(): void {
  const xz = flags.fast ? 'xz -0' : 'xz --x86 --lzma2=preset=9';
  const command = `tar -C '${stage}' -c . | ${xz} -T${flags.fast ? availableParallelism() : 1} > '${archive}'`;
  execFileSync('sh', ['-c', command], { stdio: 'inherit' });
}

function sizeOf(folder: string): number {
  return Number(execFileSync('du', ['-sb', folder], { encoding: 'utf8' }).split('\t')[0]);
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
