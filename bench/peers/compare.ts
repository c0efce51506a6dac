// Runs llama.cpp on exported tiny checkpoints and writes its logits to test/golden. Tests compare the logits of the project's
// devices and of its reference with llama.cpp's.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getLlama } from 'node-llama-cpp';
import { writeCheckpoint } from '../../test/support/models/checkpoint.ts';
import { seedOf, uniform } from '../../test/support/random.ts';
import { cases } from './cases.ts';
import { exportGguf } from './gguf.ts';
import { logitsOf } from './logits.ts';

const promptLength = 40;
const positions = [0, 1, 2, 7, 20, 39];
const golden = new URL('../../test/golden/', import.meta.url);

const llama = await getLlama({ gpu: false, build: 'never' });
for (const { name, checkpoint } of cases) {
  const dir = await mkdtemp(join(tmpdir(), 'expertgrid-peers-'));
  try {
    const { config } = await writeCheckpoint(dir, checkpoint);
    const gguf = join(dir, 'model.gguf');
    await exportGguf({ from: dir, to: gguf });
    const next = uniform(seedOf(checkpoint.seed ?? 1, 'prompt'));
    const ids = Array.from({ length: promptLength }, () => Math.floor(next() * config.vocab));
    const logits = await logitsOf(llama, gguf, ids);
    const result = {
      source: `llama.cpp ${llama.llamaCppRelease.release} (node-llama-cpp 3.22.1), CPU, float32 weights and KV cache`,
      checkpoint,
      ids,
      positions: positions.map((position) => ({ position, logits: logits[position] })),
    };
    const json = JSON.stringify(result, (_, value) => (Number.isInteger(value) ? value : shortened(value)));
    await writeFile(new URL(`llama-cpp-${name}.json`, golden), `${json}\n`);
    console.log(`llama-cpp-${name}.json: ${positions.length} positions of ${config.vocab} logits`);
  } finally {
    await rm(dir, { recursive: true });
  }
}
await llama.dispose();

/** Rounds to seven significant digits. The error is a few parts in ten million, far below the tolerance of the tests. */
function shortened(value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(7)) : value;
}
