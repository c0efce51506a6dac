// The bundle's golden rows as the router needs them for golden checks of shards.
import type { Bundle } from '../../model/bundle/bundle.ts';
import { agrees } from '../../model/bundle/golden-agreement.ts';
import { openGoldens } from '../../model/bundle/goldens.ts';
import type { Goldens } from '../../router/shards/golden-checks.ts';

/** Undefined if the bundle has none. */
export async function fleetGoldens(bundle: Bundle): Promise<Goldens | undefined> {
  const goldens = await openGoldens(bundle);
  if (goldens === undefined) return undefined;
  const { manifest, bits } = bundle;
  return {
    covers: ({ content }) => content === manifest.contentHash,
    input: (layer) => goldens.input(layer),
    async fault(answer, { layer, expert }, numericsClass) {
      const sameClass = numericsClass === goldens.numericsClass;
      return agrees(answer, await goldens.answer(layer, expert), { sameClass, bits });
    },
  };
}
