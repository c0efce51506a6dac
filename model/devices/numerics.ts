// Names a numerics class: two devices of one class give the same bits for the same weights and row.
import { RUNTIME_VERSION } from '../onnx/runtime.ts';
import { instructionSet } from './instructions.ts';

export function ortNumericsClass({ bits, group }: { bits: number; group: number }): string {
  return `ort-${RUNTIME_VERSION}/cpu/${precisionName(bits, group)}/${instructionSet()}`;
}

/** `print` names the bits that the GPU and its driver compute (model/devices/gpu/gpu.ts). */
export function gpuNumericsClass(
  { bits, group }: { bits: number; group: number },
  gpu: string,
  print: string,
): string {
  return `ort-${RUNTIME_VERSION}/${gpu}/${precisionName(bits, group)}/${print}`;
}

function precisionName(bits: number, group: number): string {
  return bits >= 16 ? `b${bits}` : `b${bits}g${group}`;
}
