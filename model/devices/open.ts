// Opens a device over a bundle: our own CPU kernels where they can serve it, ONNX Runtime elsewhere.
import { kernels, missingReason } from '../../kernels/kernels.ts';
import type { Bundle } from '../bundle/bundle.ts';
import type { DenseDevice } from './dense.ts';
import type { ExpertDevice } from './expert.ts';
import { openCpuDense, openCpuExperts } from './open-cpu.ts';
import { openOrtDense, openOrtExperts } from './open-ort.ts';

/** `cpu` is the best that this machine has; `ort-cpu` is ONNX Runtime in any case. */
export type DeviceName = 'cpu' | 'ort-cpu';

export const DEVICES: readonly DeviceName[] = ['cpu', 'ort-cpu'];

export interface OpenExpertsOptions {
  bundle: Bundle;
  device?: DeviceName;
  /** Of the CPU kernels, the whole process together. */
  threads?: number;
}

export interface OpenDenseOptions extends OpenExpertsOptions {
  signal?: AbortSignal;
  onLoaded?: (done: number, total: number) => void;
}

export async function openDenseDevice(options: OpenDenseOptions): Promise<DenseDevice> {
  return usesKernels(options) ? openCpuDense(kernels!, options) : openOrtDense(options);
}

/** A device without units; `load` readies those that it is asked for. */
export function openExpertDevice(options: OpenExpertsOptions): ExpertDevice {
  return usesKernels(options) ? openCpuExperts(kernels!, options) : openOrtExperts(options.bundle);
}

/** Why `cpu` means ONNX Runtime for this bundle here; undefined where it means our own kernels. */
export function kernelsMissing({ bits }: Pick<Bundle, 'bits'>): string | undefined {
  if (bits > 8) return `the CPU kernels take bundles of 4 and 8 bits, not ${bits}`;
  return kernels === undefined ? missingReason : undefined;
}

function usesKernels({ bundle, device = 'cpu' }: { bundle: Bundle; device?: DeviceName }): boolean {
  return device === 'cpu' && kernelsMissing(bundle) === undefined;
}
