// Checks whether ONNX Runtime, an optional dependency, is installed, without loading it.
import { createRequire } from 'node:module';
import { hasCode } from '../errors.ts';

/** The package to install, at the version that package.json names. */
const RUNTIME_PACKAGE = 'onnxruntime-node@1.30.0';

function runtimeInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('onnxruntime-node');
    return true;
  } catch (error) {
    if (hasCode(error, 'MODULE_NOT_FOUND')) return false;
    throw error;
  }
}

/**
 * Throws unless ONNX Runtime is installed. The message starts with `why`, a sentence without its full stop that says what needs
 * ONNX Runtime. `instead` lists alternatives to installing it.
 */
export function requireRuntime(why: string, ...instead: readonly string[]): void {
  if (runtimeInstalled()) return;
  const ways = [`add it with npm install ${RUNTIME_PACKAGE} (docs/devices.md)`, ...instead];
  throw new Error(`${why}, and ONNX Runtime is not installed: ${ways.join(', or ')}`);
}
