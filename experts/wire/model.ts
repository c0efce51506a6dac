// A model as a shard offers it in hello: its shape, its numerics class and the units that are held.
import { shown } from '../../base/text.ts';
import type { Params, Value } from '../../rpc/transport.ts';
import { array, integer, isIndex, map, refuse, string } from '../fields.ts';
import type { HoldingRange } from '../runs.ts';
import { most } from './bounds.ts';
import { parsePlacementField } from './placement.ts';

/** One model as a shard offers it. Replicas of one numerics class give the same bits. */
export interface ModelOffer {
  /** Hash of the checkpoint's source, the same at every precision. */
  identity: string;
  /** Hash of the bundle's content. */
  content: string;
  /** Names everything that decides the bits of an answer. */
  numericsClass: string;
  bits: number;
  /** Inputs that share a scale. */
  group: number;
  layers: number;
  /** Experts of each layer. */
  experts: number;
  /** Width of a row. */
  hidden: number;
  holdings: readonly HoldingRange[];
  /** Its replicas answer only if no better replica is left, because they have fewer bits. Absent: false. */
  standby?: boolean;
  /** The text of the placement that the shard follows (placement-file.ts). Absent: none. */
  placement?: string;
}

/** What a shard needs to know of a model to check a request. */
export type ModelShape = Pick<ModelOffer, 'identity' | 'layers' | 'experts' | 'hidden'>;

/** An entry of the field `models`. */
export function parseModelOffer(value: Value): ModelOffer {
  const offer = map(value, 'an entry of models');
  const layers = integer(offer, 'layers', 1, most.layers);
  const experts = integer(offer, 'experts', 1, Math.min(most.experts, Math.floor(most.units / layers)));
  return {
    identity: string(offer, 'identity'),
    content: string(offer, 'content'),
    numericsClass: string(offer, 'numericsClass'),
    bits: integer(offer, 'bits', 1, most.bits),
    group: integer(offer, 'group', 0, most.hidden),
    layers,
    experts,
    hidden: integer(offer, 'hidden', 1, most.hidden),
    holdings: parseHoldingRanges(offer, { layers, experts }),
    ...(offer.standby === true && { standby: true }),
    ...(offer.placement !== undefined && { placement: parsePlacementField(offer) }),
  };
}

/** The field `name`: triples (layer, first expert, last expert) within the model's shape. */
export function parseHoldingRanges(
  params: Params,
  { layers, experts }: { layers: number; experts: number },
  name = 'holdings',
): HoldingRange[] {
  const units = layers * experts;
  let held = 0;
  return array(params, name, units).map((range) => {
    const [layer, first, last, ...more] = Array.isArray(range) ? range : [];
    if (!isIndex(layer, layers) || !isIndex(first, experts) || !isIndex(last, experts) || more.length > 0) {
      const all = Array.isArray(range) && range.length <= 4 ? range.map(shown).join(', ') : shown(range);
      refuse(`${name} must be triples [layer < ${layers}, first, last < ${experts}], not [${all}]`);
    }
    if (first > last) refuse(`${name} name experts ${first}-${last} of layer ${layer} backwards`);
    held += last - first + 1;
    if (held > units) refuse(`${name} name more than the model's ${units} experts of all layers`);
    return [layer, first, last];
  });
}
