// Golden rows of the test model: what a sound shard gives for a row of each layer. Knows no files.
import type { Goldens } from '../../../router/shards/golden-checks.ts';
import type { Unit } from '../../../router/shards/units.ts';
import { createPlainExpertDevice } from '../../support/engines/plain-expert-device.ts';
import { normal } from '../../support/random.ts';
import { model, unitsOf } from '../shards.ts';

const { hidden, experts, content } = model;

export interface TestGoldens extends Goldens {
  /** Units that were compared so far. */
  readonly compared: Unit[];
}

/** Speaks for shards of the test model's content; bit-equal within the plain device's class, nearly so across. */
export async function testGoldens(): Promise<TestGoldens> {
  const device = createPlainExpertDevice({ hidden, inner: 5 });
  await device.load(unitsOf(Array.from({ length: experts }, (_, expert) => expert)));
  const compared: Unit[] = [];
  const input = (layer: number) => Float32Array.from({ length: hidden }, normal(100 + layer));
  return {
    compared,
    covers: (offer) => offer.content === content,
    input,
    async fault(answer, { layer, expert }, numericsClass) {
      compared.push({ layer, expert });
      const right = await device.run(layer, input(layer), Uint16Array.of(0, expert));
      const digest = Buffer.from(right.buffer);
      const sameClass = numericsClass === device.numericsClass;
      if (sameClass)
        return Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength).equals(digest)
          ? undefined
          : 'its bits differ';
      const worst = Math.max(...answer.map((value, i) => Math.abs(value - right[i]!)));
      return worst <= 1e-3 ? undefined : `it is off by ${worst}`;
    },
  };
}
