// Checks whether this machine has a GPU device, and whether that device can run a bundle. The GPU is tried in a process of its
// own, because a faulty driver may crash the process.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { moduleUrl } from '../../../base/module-url.ts';
import { TILED_BITS, tilesAt } from '../../tiles.ts';
import { DEFAULT_DEVICE, type DeviceName, deviceEntry, type WantedDevice } from '../options.ts';
import type { ProbeAnswer } from './gpu-probe.ts';

/** Time limit for trying the GPU. It is long because the first use compiles shaders. */
const PROBE_MS = 120_000;

const found = new Map<DeviceName, string>();

/**
 * A name for the bits that this machine's GPU computes: a hash of a fixed sample (model/devices/gpu/gpu-probe.ts). GPUs with
 * the same name are of the same numerics class. The first call takes one or two seconds. Throws an error with advice if there
 * is no such device.
 */
export function requireGpu({ device: gpu = DEFAULT_DEVICE }: Pick<WantedDevice, 'device'>): string {
  const known = found.get(gpu);
  if (known !== undefined) return known;
  const probe = moduleUrl('./gpu-probe', import.meta.url);
  const { stdout, signal, status, error } = spawnSync(process.execPath, [fileURLToPath(probe), gpu], {
    encoding: 'utf8',
    timeout: PROBE_MS,
    stdio: ['ignore', 'pipe', 'ignore'], // drivers and loaders write warnings of many lines
    killSignal: 'SIGKILL',
  });
  const answer = parseAnswer(stdout) ?? {
    error: error?.message ?? `the process that tried the GPU ended with ${signal ?? `exit code ${status}`}`,
  };
  if ('error' in answer) throw new Error(`--device ${gpu}: ${answer.error}: ${deviceEntry(gpu).gpu?.advice}`);
  found.set(gpu, answer.print);
  return answer.print;
}

/** Throws unless the bundle has one of the precisions that `QMoE` and `MatMulNBits` take. */
export function requireGpuBits({ bundle: { dir, bits }, device }: WantedDevice): void {
  if (tilesAt(bits) !== undefined) return;
  throw new Error(
    `${dir}: --device ${device} takes bundles of ${TILED_BITS} bits, not ${bits}: convert with --bits 4, 6 or 8, or serve it with --device cpu`,
  );
}

function parseAnswer(stdout: string | null): ProbeAnswer | undefined {
  const line = stdout?.split('\n').find((each) => each.startsWith('{'));
  if (line === undefined) return undefined;
  try {
    return JSON.parse(line) as ProbeAnswer;
  } catch {
    return undefined; // the process ended in the middle of its answer
  }
}
