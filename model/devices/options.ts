// The table of devices, and what opening one takes. Opens nothing.
import type { Bundle } from '../bundle/bundle.ts';

interface DeviceEntry {
  /** Our own CPU kernels compute if they can; otherwise ONNX Runtime does. */
  kernels: boolean;
  /** ONNX Runtime's execution provider. */
  provider: string;
  gpu?: GpuEntry;
}

export interface GpuEntry {
  /** The provider computes every node of our graphs, so that a session which leaves one to the CPU is refused. */
  wholeGraphs: boolean;
  /** Experts lie in slots of the GPU's memory; otherwise each has a session. */
  slots: boolean;
  /** What to do if the GPU cannot be used. */
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
      wholeGraphs: false, // it has no attention in float32
      slots: false,
      advice: "fetch ONNX Runtime's CUDA libraries and install CUDA and cuDNN as docs/devices.md tells",
    },
  },
} as const satisfies Readonly<Record<string, DeviceEntry>>;

export type DeviceName = keyof typeof devices;

export const deviceNames = Object.keys(devices) as readonly DeviceName[];

export const DEFAULT_DEVICE: DeviceName = 'cpu';

export function deviceEntry(name: DeviceName = DEFAULT_DEVICE): DeviceEntry {
  return devices[name];
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
}

export interface OpenDenseOptions extends OpenExpertsOptions {
  signal?: AbortSignal;
  /**
   * Resolves when another thread has found the matrices sound. Without it, opening reads and checks them. For devices that
   * compute on the mapped file.
   */
  sound?: Promise<void>;
  onLoaded?: (done: number, total: number) => void;
}
