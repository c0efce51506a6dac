// Names of devices, and what opening one takes. Opens nothing.
import type { Bundle } from '../bundle/bundle.ts';
import { GPUS, type GpuName } from './gpu/gpu.ts';

/** `cpu` is the best that this machine's CPU has; `ort-cpu` is ONNX Runtime in any case; docs/devices.md has the GPUs. */
export type DeviceName = 'cpu' | 'ort-cpu' | GpuName;

export const DEVICES: readonly DeviceName[] = ['cpu', 'ort-cpu', ...GPUS];

export interface WantedDevice {
  bundle: Pick<Bundle, 'dir' | 'bits'>;
  device?: DeviceName;
}

export interface OpenExpertsOptions extends WantedDevice {
  bundle: Bundle;
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
