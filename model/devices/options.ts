// The table of devices, and the options for opening one.
import type { Bundle } from '../bundle/bundle.ts';
import type { OpenSessionOptions } from '../onnx/runtime.ts';

interface DeviceEntry {
  /** Whether our own CPU kernels compute if they were built and can run the bundle. Otherwise ONNX Runtime computes. */
  kernels: boolean;
  /** ONNX Runtime's execution provider. */
  provider: string;
  gpu?: GpuEntry;
}

interface GpuEntry {
  /** Whether the provider computes every node of our graphs. If so, a session that leaves a node to the CPU is refused. */
  wholeGraphs: boolean;
  /** Whether experts are in slots of GPU memory. Otherwise each expert has a session. */
  slots: boolean;
  /** End of the error if the GPU cannot be used: what the user can do. */
  advice: string;
}

const devices = {
  cpu: { kernels: true, provider: 'cpu' },
  'ort-cpu': { kernels: false, provider: 'cpu' },
  webgpu: {
    kernels: false,
    provider: 'webgpu',
    gpu: {
      wholeGraphs: true,
      slots: true,
      advice: 'install a Vulkan driver (on macOS Metal, on Windows Direct3D 12) and see docs/devices.md',
    },
  },
  cuda: {
    kernels: false,
    provider: 'cuda',
    gpu: {
      wholeGraphs: false, // the provider has no attention in float32
      slots: false,
      advice: "fetch ONNX Runtime's CUDA libraries and install CUDA and cuDNN as docs/devices.md describes",
    },
  },
} as const satisfies Readonly<Record<string, DeviceEntry>>;

export type DeviceName = keyof typeof devices;

export const deviceNames = Object.keys(devices) as readonly DeviceName[];

export const DEFAULT_DEVICE: DeviceName = 'cpu';

export function deviceEntry(name: DeviceName = DEFAULT_DEVICE): DeviceEntry {
  return devices[name];
}

/** How the ONNX Runtime sessions of a device are opened. */
export function sessionOptions(device?: DeviceName): OpenSessionOptions {
  const { provider, gpu } = deviceEntry(device);
  return { provider, strict: gpu?.wholeGraphs ?? false };
}

export interface WantedDevice {
  bundle: Pick<Bundle, 'dir' | 'bits'>;
  /** Default: `cpu`. */
  device?: DeviceName;
}

export interface OpenExpertsOptions extends WantedDevice {
  bundle: Bundle;
  /** Threads of the CPU kernels, for the whole process. */
  threads?: number;
  /** Microseconds for which an idle one of these threads looks for work before it sleeps. */
  spin?: number | undefined;
}

export interface OpenDenseOptions extends OpenExpertsOptions {
  signal?: AbortSignal;
  /**
   * Resolves when another thread has read and checked the matrices. Without this promise, opening reads and checks them. Only
   * devices that compute on mapped files use it.
   */
  sound?: Promise<void>;
  onLoaded?: (done: number, total: number) => void;
}
