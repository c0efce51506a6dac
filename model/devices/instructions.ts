// The instruction set by which ONNX Runtime chooses its kernels on this CPU.
import { readFileSync } from 'node:fs';

/** The widest of the vector instructions between which ONNX Runtime's CPU kernels choose. */
export function instructionSet(arch: string = process.arch, flags: ReadonlySet<string> = cpuFlags()): string {
  const widest = ['avx512_vnni', 'avx512bw', 'avx_vnni', 'avx2', 'avx', 'i8mm', 'asimddp'].find((flag) =>
    flags.has(flag),
  );
  return widest === undefined ? arch : `${arch}-${widest}`;
}

/** Flags from /proc/cpuinfo on Linux. Elsewhere the architecture alone names the class. */
function cpuFlags(): ReadonlySet<string> {
  if (process.platform !== 'linux') return new Set();
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
  return new Set(line?.[1]?.trim().split(/\s+/) ?? []);
}
