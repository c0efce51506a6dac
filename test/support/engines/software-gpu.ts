// Selects the software Vulkan device on which the WebGPU tests run. It is part of Debian's chromium package.
import { existsSync } from 'node:fs';

const icd = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Environment variables that hide all Vulkan devices from a process. */
export const withoutGpu = { VK_ICD_FILENAMES: '/dev/null' };

/**
 * Must be called before the first session of ONNX Runtime. Keeps the driver that the environment names, if any. Throws if there
 * is no driver.
 */
export function useSoftwareGpu(): void {
  if (process.env.VK_ICD_FILENAMES !== undefined) return;
  if (!existsSync(icd)) {
    throw new Error(
      `these tests need a Vulkan device, and ${icd} does not exist. Run apt-get install --no-install-recommends chromium libvulkan1, ` +
        'or name another driver in VK_ICD_FILENAMES.',
    );
  }
  process.env.VK_ICD_FILENAMES = icd;
}
