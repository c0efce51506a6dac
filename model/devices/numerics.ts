// Names a numerics class: two devices of one class give the same bits for the same weights and row.
import { readFileSync } from 'node:fs';
import { RUNTIME_VERSION } from '../onnx/runtime.ts';

/** The widest vector instructions that ONNX Runtime's CPU kernels choose between. */
export function instructionSet(arch: string = process.arch, flags: ReadonlySet<string> = cpuFlags()): string {
  const widest = ['avx512_vnni', 'avx512bw', 'avx_vnni', 'avx2', 'avx', 'i8mm', 'asimddp'].find((flag) =>
    flags.has(flag),
  );
  return widest === undefined ? arch : `${arch}-${widest}`;
}

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

/** Linux tells; where it does not, the architecture alone names the class. */
function cpuFlags(): ReadonlySet<string> {
  if (process.platform !== 'linux') return new Set();
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
  return new Set(line?.[1]?.trim().split(/\s+/) ?? []);
}
