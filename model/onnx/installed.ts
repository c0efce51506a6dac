// Tells whether ONNX Runtime, an optional dependency, is installed, without loading it.
import { createRequire } from 'node:module';

/** The package to install, at the version that package.json names. */
export const RUNTIME_PACKAGE = 'onnxruntime-node@1.30.0';

export function runtimeInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('onnxruntime-node');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return false;
    throw error;
  }
}

/**
 * Throws unless ONNX Runtime is installed. The message starts with `why`: the reason for needing it, as a
 * sentence without its full stop. `instead` lists other ways out.
 */
export function requireRuntime(why: string, ...instead: readonly string[]): void {
  if (runtimeInstalled()) return;
  const ways = [`add it with npm install ${RUNTIME_PACKAGE} (docs/devices.md)`, ...instead];
  throw new Error(`${why}, and ONNX Runtime is not installed: ${ways.join(', or ')}`);
}
