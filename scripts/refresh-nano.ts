// Makes the embedded model from a Hugging Face checkpoint, and then the golden files that depend on it:
//   node scripts/refresh-nano.ts [CHECKPOINT] [--python FILE]
// Without CHECKPOINT, models/nano stays as it is. The golden logits need a Python 3 (default: python3) with
// PyTorch, numpy and regex, such as the one that train/fetch.sh installs.
import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { readManifest } from '../model/bundle/manifest.ts';
import { convert } from '../model/convert/convert.ts';
import { recordGoldens } from '../model/goldens.ts';
import { exportCheckpoint } from './export-checkpoint.ts';

const root = join(import.meta.dirname, '..');

/** Tests whose file snapshots depend on the embedded model. */
const SNAPSHOTS = ['test/infra/deploy/golden.test.ts'];

/** Passes of rounding after which the bundle no longer changes. Groups with tiny scales may need two. */
const MOST_PASSES = 5;

/**
 * Converts a checkpoint to 8 bits, exports the result and converts that, until the bundle is that of its own export. It then has
 * the identity of the floats that it stands for, so every precision that is made from the export has this identity as well.
 * Works in `folder`, and returns the directory of the bundle.
 */
export async function settledBundle(checkpoint: string, folder: string): Promise<string> {
  let from = checkpoint;
  let before: string | undefined;
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const to = join(folder, `bundle-${pass}`);
    await convert({ from, to, bits: 8 });
    const { contentHash } = await readManifest(to);
    if (contentHash === before) return to;
    before = contentHash;
    from = join(folder, `checkpoint-${pass}`);
    await exportCheckpoint(to, from);
  }
  throw new Error(`${checkpoint}: its 8-bit bundle still changes after ${MOST_PASSES} conversions`);
}

async function replaceNano(checkpoint: string, folder: string): Promise<void> {
  const made = await settledBundle(checkpoint, folder);
  await recordGoldens(made);
  const nano = join(root, 'models', 'nano');
  for (const name of await readdir(nano)) await rm(join(nano, name));
  for (const name of await readdir(made)) await copyFile(join(made, name), join(nano, name));
}

/** Runs a command of the repository. Throws if it fails. */
function run(command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined || status !== 0) {
    throw new Error(`${[command, ...args].join(' ')} failed: ${error?.message ?? `exit code ${status}`}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({
    options: { python: { type: 'string', default: 'python3' } },
    allowPositionals: true,
  });
  const [checkpoint] = positionals;
  const folder = await mkdtemp(join(tmpdir(), 'expertgrid-nano-'));
  try {
    if (checkpoint !== undefined) await replaceNano(checkpoint, folder);
    // Vitest would take a path behind -u as its value.
    run(process.execPath, 'node_modules/vitest/vitest.mjs', 'run', ...SNAPSHOTS, '-u');
    const floats = join(folder, 'floats');
    await exportCheckpoint(join(root, 'models', 'nano'), floats);
    run(values.python, '-B', 'train/golden.py', 'nano', floats, 'test/golden/nano.json');
  } finally {
    await rm(folder, { recursive: true });
  }
}
