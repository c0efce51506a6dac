// The process that tries a GPU. `node gpu-probe.ts webgpu` prints one line of JSON: either a hash of the bits that the GPU
// computes for a fixed expert, or the reason why the GPU cannot be used.
import { errorText } from '../../../base/error-text.ts';
import { goldenDigest, goldenInput } from '../../bundle/golden.ts';
import { expert } from '../../onnx/mlp.ts';
import { openSession } from '../../onnx/runtime.ts';
import { quantize } from '../../tiles.ts';
import { type DeviceName, sessionOptions } from '../options.ts';

/** The line that is printed. `print` is the first 8 hex digits of the hash. */
export type ProbeAnswer = { print: string } | { error: string };

/** The widths are large enough that the GPU runs the same shaders as for wide models. */
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

/** The first line of an error's message, without the source path on the machine that built the library. */
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
