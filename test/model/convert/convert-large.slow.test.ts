// Converts an 8 GB checkpoint in less than 4 GB of memory. A conversion that is killed and run again gives the same bytes.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { denseTensors, expertTensors } from '../../../model/bundle/tensors.ts';
import { parseConfig } from '../../../model/config/config.ts';
import { fillRandom } from '../../../model/convert/random.ts';
import { narrowBrain } from '../../../model/floats.ts';
import { layOut, tensorBytes } from '../../../model/safetensors.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

const configJson = {
  model_type: 'qwen3_moe',
  hidden_size: 2048,
  num_hidden_layers: 13,
  num_attention_heads: 16,
  num_key_value_heads: 4,
  head_dim: 128,
  num_experts: 64,
  num_experts_per_tok: 1,
  moe_intermediate_size: 768,
  vocab_size: 32_000,
};

let dir: string;
let from: string;
let sourceBytes = 0;

/** Writes bfloat16 weights at the speed of the disk: each tensor is copied from another place of a pool of random weights. */
async function writeSource(): Promise<void> {
  const config = parseConfig(configJson, 'config.json');
  const floats = new Float32Array(1 << 23);
  fillRandom(floats, 0, [1, 2], 0, 0.02);
  const words = new Uint16Array(floats.length);
  narrowBrain(floats, words);
  const pool = Buffer.from(words.buffer);
  const dense = [...denseTensors(config)];
  const parts = [dense];
  for (let layer = 0; layer < config.layers; layer++) {
    const units = Array.from({ length: config.experts }, (_, expert) =>
      expertTensors(config, { layer, expert }),
    );
    parts.push(units.flat());
  }
  const weightMap: Record<string, string> = {};
  let start = 0;
  for (const [i, tensors] of parts.entries()) {
    const specs = tensors.map(({ name, shape }) => ({ name, shape, dtype: 'BF16' }));
    const { header, bytes } = layOut(specs);
    const name = `model-${String(i + 1).padStart(5, '0')}-of-${String(parts.length).padStart(5, '0')}.safetensors`;
    const file = await open(join(from, name), 'w');
    await file.write(header);
    for (const spec of specs) {
      weightMap[spec.name] = name;
      for (let left = tensorBytes(spec); left > 0; ) {
        start = (start + 77_778) % (pool.length / 2);
        const chunk = pool.subarray(start, start + Math.min(left, pool.length / 2));
        await file.write(chunk);
        left -= chunk.length;
      }
    }
    await file.close();
    sourceBytes += bytes;
  }
  await writeFile(join(from, 'config.json'), JSON.stringify(configJson));
  await writeFile(join(from, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'convert-large-'));
  from = await mkdtemp(join(dir, 'source-'));
  await writeSource();
}, 300_000);
afterAll(() => rm(dir, { recursive: true }));

interface Run {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  /** Peak memory of the process, in bytes. */
  peak: number;
  seconds: number;
}

function peakMemory({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Converts to `to`. With `killAt`, kills the process with SIGKILL when its progress message contains that text. */
function convertTo(to: string, killAt?: string): Promise<Run> {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, 'convert', '--from', from, '--to', to], { stdio: 'pipe' });
    let peak = 0;
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => {
      const text = data.toString();
      stderr += text;
      // Memory is read at progress messages only, because the process may have ended after its last message.
      if (text.includes(' %')) peak = Math.max(peak, peakMemory(child));
      if (killAt !== undefined && text.includes(killAt)) child.kill('SIGKILL');
    });
    child.on('close', (code, signal) => {
      resolve({ code, signal, stderr, peak, seconds: (performance.now() - started) / 1000 });
    });
  });
}

async function hashes(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of (await readdir(folder)).sort()) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk);
    found.set(name, hash.digest('hex'));
  }
  return found;
}

it('convert handles 8 GB with less than 4 GB of memory, and gives the same bytes after a kill', async () => {
  expect(sourceBytes).toBeGreaterThan(8e9);
  const undisturbed = join(dir, 'undisturbed');
  const whole = await convertTo(undisturbed);
  expect(whole).toMatchObject({ code: 0, stderr: expect.stringContaining('100 %') });

  const to = join(dir, 'killed');
  const killed = await convertTo(to, '50 %');
  expect(killed.signal).toBe('SIGKILL');
  expect(existsSync(to)).toBe(false);
  const resumed = await convertTo(to);
  expect(resumed).toMatchObject({ code: 0, stderr: expect.stringContaining('100 %') });

  console.log(JSON.stringify({ sourceBytes, whole, killed, resumed }));
  for (const { peak } of [whole, killed, resumed]) {
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(4e9);
  }
  expect(await hashes(to)).toEqual(await hashes(undisturbed));
});
