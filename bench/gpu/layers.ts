// Microseconds of a layer on a device, for 1 to 256 decoding rows: `node bench/gpu/layers.ts [--device webgpu] [--model DIR]
// [--rows 1,2,…] [--runs 15]`. Without --model, it writes a bundle of two layers at the full Sigma-MoE-Tiny widths to a
// temporary directory. With --check, it only tries the device. Exit code 3: there is no such device. The last line is JSON.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import { unitShape } from '../../model/config/model-config.ts';
import type { DenseDevice, Span } from '../../model/devices/dense.ts';
import { type ExpertDevice, mapInUnits } from '../../model/devices/expert.ts';
import { requireGpu } from '../../model/devices/gpu/gpu.ts';
import { openDenseDevice, openExpertDevice } from '../../model/devices/open.ts';
import { type DeviceName, deviceEntry, deviceNames } from '../../model/devices/options.ts';
import { readFlags } from '../flags.ts';
import { table } from '../print.ts';
import { percentile } from '../statistics.ts';

const NO_DEVICE = 3;
/** Tokens before each row. */
const EARLIER = 16;
/** Runs before the timed runs. The first run of a number of rows compiles shaders. */
const WARM_UPS = 3;

const flags = readFlags({
  device: 'webgpu',
  model: undefined,
  rows: '1,2,4,8,16,32,64,128,256',
  runs: '15',
  check: false,
});
const device = deviceNames.find((name) => name === flags.device);
if (device === undefined) throw new Error(`--device ${flags.device}: there are ${deviceNames.join(', ')}`);
const runs = Number(flags.runs);

if (hasDevice(device) && !flags.check) await measure(device);

function hasDevice(name: DeviceName): boolean {
  if (deviceEntry(name).gpu === undefined) return true;
  try {
    console.log(`${name} works; a hash of what it computes: ${requireGpu({ device: name })}`);
    return true;
  } catch (error) {
    console.error(errorText(error));
    process.exitCode = NO_DEVICE;
    return false;
  }
}

async function measure(name: DeviceName): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'expertgrid-layers-'));
  try {
    const bundle = await openBundle(flags.model ?? synthesised(join(folder, 'bundle')));
    await measureBundle(bundle, name);
    await bundle.close();
  } finally {
    await rm(folder, { recursive: true });
  }
}

function synthesised(to: string): string {
  const [main, shape] = [
    join(import.meta.dirname, '..', '..', 'cli', 'main.ts'),
    join(import.meta.dirname, 'layer-shape.json'),
  ];
  const args = [main, 'synth', '--shape', shape, '--bits', '4', '--to', to];
  execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return to;
}

async function measureBundle(bundle: Bundle, name: DeviceName): Promise<void> {
  const { layers, experts, hidden } = unitShape(bundle.config);
  const dense = await openDenseDevice({ bundle, device: name });
  const expertDevice = await openExpertDevice({ bundle, device: name });
  const units = Array.from({ length: layers * experts }, (_, i) => {
    return { layer: Math.floor(i / experts), expert: i % experts };
  });
  await expertDevice.load(units);
  mapInUnits(expertDevice, units);
  const lines: { rows: number; attentionUs: number; expertsUs: number }[] = [];
  const counts = flags.rows.split(',').map(Number);
  dense.allocate(Math.max(...counts) * blocksOf(dense));
  for (const rows of counts) {
    const attentionUs = await timeAttention(dense, bundle, rows);
    const expertsUs = await timeExperts(expertDevice, bundle, rows);
    // Printed at once, because a slow device may be stopped before the last line.
    console.error(`${rows} rows: attention ${attentionUs.toFixed(0)} µs, experts ${expertsUs.toFixed(0)} µs`);
    lines.push({ rows, attentionUs, expertsUs });
  }
  const cells = lines.map(({ rows, attentionUs, expertsUs }) =>
    [rows, attentionUs, expertsUs, attentionUs + expertsUs].map((cell) => cell.toFixed(0)),
  );
  console.log(table(['rows', 'attention, µs', 'experts, µs', 'layer, µs'], cells).join('\n'));
  const { numericsClass } = expertDevice;
  console.log(JSON.stringify({ device: name, numericsClass, layers, experts, hidden, lines }));
  await expertDevice.dispose();
  await dense.dispose();
}

/** Blocks of KV memory that a sequence needs. */
function blocksOf({ kv }: DenseDevice): number {
  return Math.ceil((EARLIER + WARM_UPS + runs) / kv.blockSize);
}

/** Median over all runs and layers. Each row is the next token of a sequence of its own. */
async function timeAttention(dense: DenseDevice, { config }: Bundle, rows: number): Promise<number> {
  const each = blocksOf(dense);
  const sequences = Array.from({ length: rows }, (_, sequence) => sequence);
  const spans = (start: number, count: number): Span[] =>
    sequences.map((sequence) => ({
      sequence,
      start,
      count,
      blocks: Array.from({ length: each }, (_, i) => sequence * each + i),
    }));
  for (const sequence of sequences) dense.open(sequence);
  const hidden = (count: number) => floats(count * config.hidden);
  for (let layer = 0; layer < config.layers; layer++) {
    await dense.layer(layer, hidden(rows * EARLIER), spans(0, EARLIER));
  }
  const x = hidden(rows);
  const us = await time(config.layers, (layer, run) => dense.layer(layer, x, spans(EARLIER + run, 1)));
  for (const sequence of sequences) dense.close(sequence);
  return us;
}

/** Each row asks for one expert, and neighbouring rows for different ones. */
async function timeExperts(device: ExpertDevice, { config }: Bundle, rows: number): Promise<number> {
  const asks = Uint16Array.from({ length: 2 * rows }, (_, i) => {
    return i % 2 === 0 ? i / 2 : (((i - 1) / 2) * 5) % config.experts;
  });
  const x = floats(rows * config.hidden);
  return await time(unitShape(config).layers, (layer) => device.run(layer, x, asks));
}

async function time(layers: number, call: (layer: number, run: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < WARM_UPS + runs; run++) {
    for (let layer = 0; layer < layers; layer++) {
      const from = performance.now();
      await call(layer, run);
      if (run >= WARM_UPS) times.push(performance.now() - from);
    }
  }
  return 1000 * percentile(times, 0.5);
}

function floats(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i));
}
