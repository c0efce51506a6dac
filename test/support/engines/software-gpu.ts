// The software Vulkan device on which the WebGPU tests run, at its place on Debian.
import { existsSync } from 'node:fs';

const icd = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** The environment of a process without any Vulkan device. */
export const withoutGpu = { VK_ICD_FILENAMES: '/dev/null' };

/** Must be called before the first session. Leaves a GPU unchanged that the environment names. */
export function useSoftwareGpu(): void {
  if (process.env.VK_ICD_FILENAMES !== undefined) return;
  if (!existsSync(icd)) {
    throw new Error(
      `these tests need a Vulkan device, and ${icd} is not here: apt-get install --no-install-recommends chromium libvulkan1, ` +
        'or name another driver in VK_ICD_FILENAMES',
    );
  }
  process.env.VK_ICD_FILENAMES = icd;
}
