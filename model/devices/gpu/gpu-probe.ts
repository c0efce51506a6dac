// The process that tries a GPU: `node gpu-probe.ts webgpu` prints one line of JSON. It names the bits that the GPU computes
// for a fixed expert, or says why the GPU cannot be used.
import { errorText } from '../../../base/error-text.ts';
import { goldenDigest, goldenInput } from '../../bundle/golden.ts';
import { expert } from '../../onnx/graphs.ts';
import { openSession } from '../../onnx/runtime.ts';
import { quantize } from '../../tiles.ts';
import type { DeviceName } from '../options.ts';
import { sessionOptions } from '../ort/session-options.ts';

/** The line that is printed. */
export type ProbeAnswer = { print: string } | { error: string };

/** Wide enough that the same kernels run as for wide models. */
const HIDDEN = 256;
const INNER = 128;
const ROWS = 5;

async function sample(device: DeviceName): Promise<string> {
  const matrix = (unit: number, rows: number, cols: number) => {
    const values = goldenInput(0, unit, rows * cols).map((value) => value / Math.sqrt(cols));
    return quantize(values, rows, cols, 'q4');
  };
  const weights = {
    gate: matrix(1, INNER, HIDDEN),
    up: matrix(2, INNER, HIDDEN),
    down: matrix(3, HIDDEN, INNER),
  };
  const session = await openSession(expert({ hidden: HIDDEN }, weights), sessionOptions(device));
  const outputs = [];
  for (const rows of [1, ROWS]) {
    const x = goldenInput(0, 4, rows * HIDDEN);
    outputs.push(...(await session.run({ x: { data: x, shape: [rows, HIDDEN] } }, ['y'])));
  }
  await session.release();
  return goldenDigest(Float32Array.from(outputs.flatMap((output) => [...output])));
}

/** The part of a message that helps a person: without the paths of the machine that built the library. */
function reason(error: unknown): string {
  const text = errorText(error);
  return text
    .replace(/^\/\S+ .*? was false\. /s, '')
    .trim()
    .split('\n')[0]!
    .slice(0, 300);
}

let answer: ProbeAnswer;
try {
  answer = { print: (await sample(process.argv[2] as DeviceName)).slice(0, 8) };
} catch (error) {
  answer = { error: reason(error) };
}
process.stdout.write(`${JSON.stringify(answer)}\n`);
