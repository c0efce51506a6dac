// Golden rows of the test model, with the right answers of every expert to one row of each layer.
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

/** Covers shards with the test model's content. Answers must have equal bits within the plain device's class, and be close in others. */
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
