// Names a numerics class: two devices of one class give the same bits for the same weights and row.

import { instructionSet } from '../onnx/instructions.ts';
import { RUNTIME_VERSION } from '../onnx/runtime.ts';
import { type Bits, tilesAt } from '../tiles.ts';

interface BundlePrecision {
  bits: Bits;
  group: number;
}

export function ortNumericsClass(precision: BundlePrecision): string {
  return `ort-${RUNTIME_VERSION}/cpu/${precisionName(precision)}/${instructionSet()}`;
}

/** `print` names the bits that the GPU and its driver compute (model/devices/gpu/gpu.ts). */
export function gpuNumericsClass(precision: BundlePrecision, gpu: string, print: string): string {
  return `ort-${RUNTIME_VERSION}/${gpu}/${precisionName(precision)}/${print}`;
}

function precisionName({ bits, group }: BundlePrecision): string {
  return tilesAt(bits) === undefined ? `b${bits}` : `b${bits}g${group}`;
}
