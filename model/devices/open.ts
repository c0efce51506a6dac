// Opens a device over a bundle: our own CPU kernels if they can serve it, ONNX Runtime otherwise and on GPUs. ONNX Runtime
// is imported only then: it takes 25 MB of memory.
import { kernels, missingReason } from '../../kernels/kernels.ts';
import type { Bundle } from '../bundle/bundle.ts';
import type { DenseDevice, KvShape } from './dense.ts';
import type { ExpertDevice } from './expert.ts';
import { GPUS, type GpuName, gpuBits, requireGpu } from './gpu.ts';
import { cpuKvShape, ortKvShape } from './kv-shape.ts';
import { openCpuDense, openCpuExperts } from './open-cpu.ts';

/** `cpu` is the best that this machine's CPU has; `ort-cpu` is ONNX Runtime in any case; docs/devices.md has the GPUs. */
export type DeviceName = 'cpu' | 'ort-cpu' | GpuName;

export const DEVICES: readonly DeviceName[] = ['cpu', 'ort-cpu', ...GPUS];

export interface OpenExpertsOptions {
  bundle: Bundle;
  device?: DeviceName;
  /** Of the CPU kernels, the whole process together. */
  threads?: number;
}

export interface OpenDenseOptions extends OpenExpertsOptions {
  signal?: AbortSignal;
  /**
   * Only where the device computes on the mapped file: resolves when another thread has found the matrices sound. Else
   * opening reads and checks them.
   */
  sound?: Promise<void>;
  onLoaded?: (done: number, total: number) => void;
}

export async function openDenseDevice(options: OpenDenseOptions): Promise<DenseDevice> {
  if (usesKernels(options)) return openCpuDense(kernels!, options);
  const { openOrtDense } = await import('./open-ort.ts');
  return openOrtDense(options, gpuOf(options));
}

/** A device without units; `load` readies those that it is asked for. Rejects if the machine has no such device. */
export async function openExpertDevice(options: OpenExpertsOptions): Promise<ExpertDevice> {
  if (usesKernels(options)) return openCpuExperts(kernels!, options);
  const { openOrtExperts } = await import('./open-ort.ts');
  return openOrtExperts(options, gpuOf(options));
}

/** Of the dense device that would be opened. */
export function kvShapeOf(options: OpenExpertsOptions): KvShape {
  const { config } = options.bundle;
  return usesKernels(options) ? cpuKvShape(config) : ortKvShape(config);
}

/** Throws where this machine has no such device or the device does not take the bundle. */
export function requireDevice({ bundle, device }: OpenExpertsOptions): void {
  const gpu = gpuOf({ bundle, device });
  if (gpu === undefined) return;
  gpuBits(bundle, gpu);
  requireGpu(gpu);
}

/** Why `cpu` means ONNX Runtime for this bundle here; undefined where it means our own kernels. */
export function kernelsMissing({ bits }: Pick<Bundle, 'bits'>): string | undefined {
  if (bits > 8) return `the CPU kernels take bundles of 4 and 8 bits, not ${bits}`;
  return kernels === undefined ? missingReason : undefined;
}

function usesKernels({ bundle, device = 'cpu' }: { bundle: Bundle; device?: DeviceName }): boolean {
  return device === 'cpu' && kernelsMissing(bundle) === undefined;
}

function gpuOf({ device }: OpenExpertsOptions): GpuName | undefined {
  return GPUS.find((gpu) => gpu === device);
}
