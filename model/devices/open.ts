// Opens a device over a bundle: our own CPU kernels if they can serve it, ONNX Runtime otherwise and on GPUs. ONNX Runtime
// is imported only then: it takes 25 MB of memory.
import { kernels, missingReason } from '../../kernels/kernels.ts';
import type { Bundle } from '../bundle/bundle.ts';
import { requireRuntime } from '../onnx/installed.ts';
import { openCpuDense, openCpuExperts } from './cpu/open-cpu.ts';
import type { DenseDevice, KvShape } from './dense.ts';
import type { ExpertDevice } from './expert.ts';
import { GPUS, type GpuName, gpuBits, requireGpu } from './gpu/gpu.ts';
import { createHostKernels, type HostKernels } from './host-kernels.ts';
import { cpuKvShape, ortKvShape } from './kv-shape.ts';
import type { OpenDenseOptions, OpenExpertsOptions, WantedDevice } from './options.ts';

export async function openDenseDevice(options: OpenDenseOptions): Promise<DenseDevice> {
  if (usesKernels(options)) return openCpuDense(kernels!, options);
  const { openOrtDense } = await ortDevices(options);
  return openOrtDense(options, gpuOf(options));
}

/** A device without units; `load` readies those that it is asked for. Rejects if the machine has no such device. */
export async function openExpertDevice(options: OpenExpertsOptions): Promise<ExpertDevice> {
  if (usesKernels(options)) return openCpuExperts(kernels!, options);
  const { openOrtExperts } = await ortDevices(options);
  return openOrtExperts(options, gpuOf(options));
}

/** What the engine uses beside the dense device that would be opened; empty if its plain functions serve. */
export function openHostKernels(options: WantedDevice): Partial<HostKernels> {
  return usesKernels(options) ? createHostKernels(kernels!) : {};
}

/** Of the dense device that would be opened. */
export function kvShapeOf(options: OpenExpertsOptions): KvShape {
  const { config } = options.bundle;
  return usesKernels(options) ? cpuKvShape(config) : ortKvShape(config);
}

/** Throws if this machine has no such device or the device does not take the bundle. */
export function requireDevice(options: WantedDevice): void {
  const gpu = gpuOf(options);
  if (gpu !== undefined) gpuBits(options.bundle, gpu);
  if (!usesKernels(options)) requireRuntimeFor(options);
  if (gpu !== undefined) requireGpu(gpu);
}

/** Why `cpu` means ONNX Runtime for this bundle here; undefined if it means our own kernels. */
export function kernelsMissing({ bits }: Pick<Bundle, 'bits'>): string | undefined {
  if (bits > 8) return `the CPU kernels take bundles of 4 and 8 bits, not ${bits}`;
  return kernels === undefined ? missingReason : undefined;
}

async function ortDevices(options: OpenExpertsOptions): Promise<typeof import('./ort/open-ort.ts')> {
  requireRuntimeFor(options);
  return import('./ort/open-ort.ts');
}

function requireRuntimeFor({ bundle, device = 'cpu' }: WantedDevice): void {
  if (device !== 'cpu') requireRuntime(`--device ${device} needs it`);
  else if (bundle.bits > 8) {
    requireRuntime(`${bundle.dir}: ${kernelsMissing(bundle)}`, 'convert the model with --bits 8 or --bits 4');
  } else {
    requireRuntime(
      missingReason,
      'build the kernels: install a C compiler, then npm rebuild (docs/kernels.md)',
    );
  }
}

function usesKernels({ bundle, device = 'cpu' }: WantedDevice): boolean {
  return device === 'cpu' && kernelsMissing(bundle) === undefined;
}

function gpuOf({ device }: WantedDevice): GpuName | undefined {
  return GPUS.find((gpu) => gpu === device);
}
