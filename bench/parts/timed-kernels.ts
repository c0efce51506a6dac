// Kernels that note the time of each call.
import type { Kernels } from '../../kernels/kernels.ts';

export interface TimedKernels {
  kernels: Kernels;
  /** Milliseconds and number of calls of each kernel since the last `reset`. */
  spent: Map<string, number>;
  calls: Map<string, number>;
  reset(): void;
}

export function timedKernels(addon: Kernels): TimedKernels {
  const spent = new Map<string, number>();
  const calls = new Map<string, number>();
  const kernels = new Proxy(addon, {
    get(target, name: keyof Kernels) {
      const entry = target[name] as (...parts: unknown[]) => unknown;
      return (...parts: unknown[]) => {
        const from = performance.now();
        const result = Reflect.apply(entry, target, parts);
        spent.set(name, (spent.get(name) ?? 0) + performance.now() - from);
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return result;
      };
    },
  });
  const reset = () => {
    spent.clear();
    calls.clear();
  };
  return { kernels, spent, calls, reset };
}
