// How the ONNX Runtime sessions of a device are opened.
import type { OpenSessionOptions } from '../../onnx/runtime.ts';
import { type DeviceName, deviceEntry } from '../options.ts';

export function sessionOptions(device?: DeviceName): OpenSessionOptions {
  const { provider, gpu } = deviceEntry(device);
  return { provider, strict: gpu?.wholeGraphs ?? false };
}
