// A model as a shard describes it in the answer to `hello`: shape, numerics class and held units.
import { shown } from '../../base/text.ts';
import type { Params, Value } from '../../rpc/transport.ts';
import { array, integer, isIndex, map, refuse, string } from '../fields.ts';
import type { HoldingRange } from '../runs.ts';
import { most } from './bounds.ts';
import { parsePlacementField } from './placement.ts';

export interface ModelOffer {
  /** Hash that identifies the original checkpoint. It is the same at every precision. */
  identity: string;
  /** Hash of the bundle's content. */
  content: string;
  /** Replicas of one numerics class give the same bits. */
  numericsClass: string;
  bits: number;
  /** Number of inputs that share one scale of the quantized weights. */
  group: number;
  layers: number;
  /** Number of experts in each layer. */
  experts: number;
  /** Width of a row. */
  hidden: number;
  holdings: readonly HoldingRange[];
  /** True: the shard's replicas have fewer bits, and are called only if no replica of full precision is left. Absent: false. */
  standby?: boolean;
  /** The placement that the shard follows, as `placementText` writes it. Absent: none. */
  placement?: string;
}

/** The fields that are needed to check a request. */
export type ModelShape = Pick<ModelOffer, 'identity' | 'layers' | 'experts' | 'hidden'>;

/** Parses an entry of the field `models`. */
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

/** Parses the field `name`: triples (layer, first expert, last expert) within the model's shape. */
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
