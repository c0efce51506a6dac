// Fits the CPU kernels to the machine before a process serves.
import { join } from 'node:path';
import type { Logger } from 'pino';
import { formatPrefetch, type Prefetch } from '../model/devices/cpu/prefetch.ts';
import { canPrefetch, fitPrefetch, setPrefetch } from '../model/devices/fit-prefetch.ts';
import { type DeviceName, deviceEntry } from '../model/devices/options.ts';
import { cacheDirectory } from './files.ts';
import { UsageError } from './flags/flags.ts';

export interface FitFlags {
  device: DeviceName;
  /** Undefined: the measured hint. */
  prefetch?: Prefetch;
}

/** The file that keeps the measured hint. */
export function fitFile(env: NodeJS.ProcessEnv): string {
  return join(cacheDirectory(env), 'kernels.json');
}

/** Sets the hint and returns it. Undefined if the process does not use kernels that prefetch. */
export function fitKernels({ device, prefetch }: FitFlags, log: Logger): Prefetch | undefined {
  const used = deviceEntry(device).kernels && canPrefetch();
  if (prefetch !== undefined) {
    if (!used) {
      throw new UsageError(
        `--prefetch ${formatPrefetch(prefetch)}: the device ${device} has no kernels that prefetch on this machine. Leave the flag out`,
      );
    }
    setPrefetch(prefetch);
    return prefetch;
  }
  const fitted = used ? fitPrefetch(fitFile(process.env)) : undefined;
  if (fitted === undefined) return undefined;
  const { times, unkept } = fitted;
  log.debug(
    { prefetch: formatPrefetch(fitted.prefetch), measured: times !== undefined, ...(unkept && { unkept }) },
    'prefetch of the CPU kernels',
  );
  return fitted.prefetch;
}
