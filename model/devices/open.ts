// Opens a device over a bundle. ONNX Runtime is imported only if it is needed, because it takes 25 MB of memory.
import { kernels, missingReason } from '../../kernels/kernels.ts';
import { requireRuntime } from '../onnx/installed.ts';
import { TILED_BITS, tilesAt } from '../tiles.ts';
import { openCpuDense, openCpuExperts } from './cpu/open-cpu.ts';
import type { DenseDevice, KvShape } from './dense.ts';
import type { ExpertDevice } from './expert.ts';
import { requireGpu, requireGpuBits } from './gpu/gpu.ts';
import { createHostKernels, type HostKernels } from './host-kernels.ts';
import { cpuKvShape, ortKvShape } from './kv-shape.ts';
import {
  DEFAULT_DEVICE,
  deviceEntry,
  type OpenDenseOptions,
  type OpenExpertsOptions,
  type WantedDevice,
} from './options.ts';

export async function openDenseDevice(options: OpenDenseOptions): Promise<DenseDevice> {
  if (usesKernels(options)) return openCpuDense(kernels!, options);
  const { openOrtDense } = await ortDevices(options);
  return openOrtDense(options);
}

/** Opens a device without units; its `load` adds them. Rejects if the machine has no such device. */
export async function openExpertDevice(options: OpenExpertsOptions): Promise<ExpertDevice> {
  if (usesKernels(options)) return openCpuExperts(kernels!, options);
  const { openOrtExperts } = await ortDevices(options);
  return openOrtExperts(options);
}

/** Kernels for the engine's own work; empty if the engine has to use its JavaScript functions. */
export function openHostKernels(options: WantedDevice): Partial<HostKernels> {
  return usesKernels(options) ? createHostKernels(kernels!) : {};
}

/** The KV shape of the dense device that would be opened. */
export function kvShapeOf(options: OpenExpertsOptions): KvShape {
  const { config } = options.bundle;
  return usesKernels(options) ? cpuKvShape(config) : ortKvShape(config);
}

/** Throws if this machine has no such device, or if the device cannot run the bundle. */
export function requireDevice(options: WantedDevice): void {
  const { gpu } = deviceEntry(options.device);
  if (gpu !== undefined) requireGpuBits(options);
  if (!usesKernels(options)) requireRuntimeFor(options);
  if (gpu !== undefined) requireGpu(options);
}

/** Whether our own CPU kernels compute. They read the weights from mapped files. */
export function usesKernels(options: WantedDevice): boolean {
  return deviceEntry(options.device).kernels && kernelsMissing(options) === undefined;
}

/** Why ONNX Runtime replaces our own kernels. Undefined if they can compute, or if the device never uses them. */
export function kernelsMissing({ bundle: { bits }, device }: WantedDevice): string | undefined {
  if (!deviceEntry(device).kernels) return undefined;
  if (tilesAt(bits) === undefined) return `the CPU kernels take bundles of ${TILED_BITS} bits, not ${bits}`;
  return kernels === undefined ? missingReason : undefined;
}

async function ortDevices(options: WantedDevice): Promise<typeof import('./ort/open-ort.ts')> {
  requireRuntimeFor(options);
  return import('./ort/open-ort.ts');
}

function requireRuntimeFor(options: WantedDevice): void {
  const { bundle, device = DEFAULT_DEVICE } = options;
  const missing = kernelsMissing(options);
  if (missing === undefined) requireRuntime(`--device ${device} needs it`);
  else if (tilesAt(bundle.bits) === undefined) {
    requireRuntime(`${bundle.dir}: ${missing}`, 'convert the model with --bits 8 or --bits 4');
  } else {
    requireRuntime(missing, 'build the kernels: install a C compiler, then npm rebuild (docs/kernels.md)');
  }
}
