// The reference (test/reference) gives the logits of transformers for checkpoints of every layout. Tests at 8 and 4 bits then
// compare the devices with the reference.
import { expect, it } from 'vitest';
import { weightsOfBundle } from '../reference/bundle-weights.ts';
import { forward } from '../reference/forward.ts';
import { computedNames, largestError, withBundle } from './cases.ts';
import { loadCase } from './rebuild.ts';

it.each(await computedNames())('%s', async (name) => {
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
});
