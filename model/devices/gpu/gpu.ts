// Whether a GPU device is here and what a bundle must be for it: asked in a process of its own, because a driver that
// fails may end the process that tries it. Knows no graph.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { moduleUrl } from '../../../base/module-url.ts';
import type { Bundle } from '../../bundle/bundle.ts';
import type { Provider } from '../../onnx/runtime.ts';
import type { ProbeAnswer } from './gpu-probe.ts';

export type GpuName = Exclude<Provider, 'cpu'>;

export const GPUS: readonly GpuName[] = ['webgpu', 'cuda'];

const TO_DO: Record<GpuName, string> = {
  webgpu: 'install a Vulkan driver (on macOS Metal, on Windows Direct3D 12) and see docs/devices.md',
  cuda: "fetch ONNX Runtime's CUDA libraries and install CUDA and cuDNN as docs/devices.md tells",
};

/** A first use compiles shaders. Milliseconds. */
const PATIENCE = 120_000;

const found = new Map<GpuName, string>();

/**
 * A name for the bits that this machine's GPU computes (a hash of a fixed sample, model/devices/gpu/gpu-probe.ts): same name,
 * same numerics class. Takes a second or two the first time; throws with what to do where there is no such device.
 */
export function requireGpu(gpu: GpuName): string {
  const known = found.get(gpu);
  if (known !== undefined) return known;
  const probe = moduleUrl('./gpu-probe', import.meta.url);
  const { stdout, signal, status, error } = spawnSync(process.execPath, [fileURLToPath(probe), gpu], {
    encoding: 'utf8',
    timeout: PATIENCE,
    stdio: ['ignore', 'pipe', 'ignore'], // drivers and loaders write warnings of many lines
    killSignal: 'SIGKILL',
  });
  const answer = parseAnswer(stdout) ?? {
    error: error?.message ?? `trying it ended in ${signal ?? `exit code ${status}`}`,
  };
  if ('error' in answer) throw new Error(`--device ${gpu}: ${answer.error}: ${TO_DO[gpu]}`);
  found.set(gpu, answer.print);
  return answer.print;
}

/** The GPU devices take the precisions that `QMoE` and `MatMulNBits` do. */
export function gpuBits({ dir, bits }: Pick<Bundle, 'dir' | 'bits'>, gpu: GpuName): 4 | 8 {
  if (bits === 4 || bits === 8) return bits;
  throw new Error(
    `${dir}: --device ${gpu} takes bundles of 4 and 8 bits, not ${bits}: convert with --bits 4 or --bits 8, or serve it with --device cpu`,
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
