// Compares the reference (test/reference) with transformers on a case's checkpoint.
import { expect } from 'vitest';
import { weightsOfBundle } from '../reference/bundle-weights.ts';
import { forward } from '../reference/forward.ts';
import { largestError, withBundle } from './cases.ts';
import { loadCase } from './rebuild.ts';

export async function expectLogitsOfTransformers(name: string): Promise<void> {
  const each = await loadCase(name);
  const { logits, routing } = await withBundle(each, 32, async (bundle) => {
    return forward({ config: bundle.config, weights: await weightsOfBundle(bundle), ids: each.tokens });
  });
  const chosen = routing.map((layer) => layer.map(({ experts }) => experts.toSorted((a, b) => a - b)));
  expect(chosen).toEqual(each.routing);
  // Transformers computed these in float32.
  expect(largestError(logits, each.logits)).toBeLessThan(1e-5);
  // These are in float64.
  const exact = each.exact.map(({ logits }) => logits);
  const ours = each.exact.map(({ position }) => logits[position]!);
  expect(largestError(ours, exact)).toBeLessThan(1e-13);
}
