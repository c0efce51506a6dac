// Converts a tiny checkpoint and opens its devices with every expert loaded.
import { routingRules } from '../../../gateway/engine/scheduling/rules.ts';
import { type Bundle, openBundle } from '../../../model/bundle/bundle.ts';
import type { Bits } from '../../../model/bundle/tensors.ts';
import { unitShape } from '../../../model/config/model-config.ts';
import { convert } from '../../../model/convert/convert.ts';
import type { DenseDevice } from '../../../model/devices/dense.ts';
import type { ExpertDevice, Unit } from '../../../model/devices/expert.ts';
import { openDenseDevice, openExpertDevice } from '../../../model/devices/open.ts';
import type { DeviceName } from '../../../model/devices/options.ts';
import type { RoutingRule } from '../../../router/selection.ts';

export interface Tiny {
  bundle: Bundle;
  dense: DenseDevice;
  experts: ExpertDevice;
  /** One for each layer with experts. */
  rules: readonly RoutingRule[];
  close(): Promise<void>;
}

export interface OpenTinyOptions {
  /** Directory of the checkpoint. */
  from: string;
  /** Directory of the bundle that is made. */
  to: string;
  bits: Bits;
  device?: DeviceName;
}

export async function openTiny({ from, to, bits, device }: OpenTinyOptions): Promise<Tiny> {
  await convert({ from, to, bits, workers: 1 });
  const bundle = await openBundle(to);
  const dense = await openDenseDevice({ bundle, device });
  const experts = await openExpertDevice({ bundle, device });
  await experts.load(allUnits(unitShape(bundle.config)));
  const close = async () => {
    await dense.dispose();
    await experts.dispose();
    await bundle.close();
  };
  return { bundle, dense, experts, rules: await routingRules(bundle), close };
}

function allUnits({ layers, experts }: { layers: number; experts: number }): Unit[] {
  return Array.from({ length: layers * experts }, (_, i) => {
    return { layer: Math.floor(i / experts), expert: i % experts };
  });
}
