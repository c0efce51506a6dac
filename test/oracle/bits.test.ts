// Logits have the same bits however a sequence is cut into steps and however many shards hold the experts, in layouts with
// windows, chunks, sinks and a temperature.
import { describe, expect, it } from 'vitest';
import type { DeviceName } from '../../model/devices/options.ts';
import { withBundle } from './cases.ts';
import { loadCase } from './rebuild.ts';
import { runBundle } from './run-case.ts';

interface Ways {
  device: DeviceName;
  /** Rows of each step of `count` tokens. */
  cuts: ((count: number) => number[])[];
}

const whole = (count: number) => [count];
const chunks = (count: number) => [7, 2, 3, count - 12];
const decode = (count: number) => new Array<number>(count).fill(1);
const mixed = (count: number) => [9, 1, 1, 3, ...decode(count - 14)];

const ways: Ways[] = [
  { device: 'cpu', cuts: [whole, chunks, decode, mixed] },
  // ONNX Runtime's attention has other bits for a single row (`minPrefillRows`).
  { device: 'ort-cpu', cuts: [whole, chunks] },
];

// Windows of 5 rows and sinks; chunks of 7 rows, a temperature and dense layers; a shared expert.
describe.each(['gpt_oss-1', 'llama4_text-1', 'glm4_moe-1'])('%s', (name) => {
  it.each(ways)('on $device, for every cut, in process and over 3 shards', async ({ device, cuts }) => {
    const each = await loadCase(name);
    await withBundle(each, 8, async (bundle) => {
      const run = async (steps: number[], shards: number) => {
        const { logits, routing } = await runBundle(bundle, each.tokens, { bits: 8, device, steps, shards });
        return { bits: logits.map((row) => [...new Uint32Array(row.buffer)]), routing };
      };
      const expected = await run([each.tokens.length], 3);
      expect(expected.bits).toHaveLength(each.tokens.length);
      for (const cut of cuts) {
        const steps = cut(each.tokens.length);
        expect(await run(steps, 1), `steps of ${steps} rows`).toEqual(expected);
      }
    });
  });
});
