// Finds this CPU's instruction set, by which ONNX Runtime chooses its CPU kernels.
import { readFileSync } from 'node:fs';

/** The architecture and the widest vector instructions by which ONNX Runtime chooses its kernels, such as `x64-avx2`. */
export function instructionSet(arch: string = process.arch, flags: ReadonlySet<string> = cpuFlags()): string {
  const widest = ['avx512_vnni', 'avx512bw', 'avx_vnni', 'avx2', 'avx', 'i8mm', 'asimddp'].find((flag) =>
    flags.has(flag),
  );
  return widest === undefined ? arch : `${arch}-${widest}`;
}

let ownFlags: ReadonlySet<string> | undefined;

/** CPU flags from /proc/cpuinfo on Linux. Empty on other systems, where the architecture alone names the set. */
function cpuFlags(): ReadonlySet<string> {
  if (ownFlags !== undefined) return ownFlags;
  const text = process.platform === 'linux' ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(text);
  ownFlags = new Set(line?.[1]?.trim().split(/\s+/) ?? []);
  return ownFlags;
}
