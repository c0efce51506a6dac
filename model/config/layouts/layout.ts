// What one layout (`model_type`) adds to the reading of a config.json. Each layout is a row of the table in layouts.ts.
import type { Fields } from '../config-fields.ts';
import type { RopeScaling } from '../config-rope.ts';
import type { ModelConfig } from '../model-config.ts';

/** Names and defaults of the fields that all layouts have. Defaults are those of Hugging Face's configuration classes. */
export interface PlainFields {
  /** Undefined: as many as query heads. */
  kvHeads?: number;
  /** Undefined: hidden / heads, and `head_dim` may say otherwise. */
  headDim?: number;
  context: number;
  normEps: number;
  ropeBase: number;
  /** Scaling of positions if config.json gives none. Default: none. */
  ropeScaling?: RopeScaling;
  /** Usual share of a head that is rotated, for layouts of which `partial_rotary_factor` is known to have an effect. */
  rotaryShare?: number;
  qkNorm: ModelConfig['qkNorm'];
  /** Whether config.json says if q and k have norms. In other layouts the tensors say it (`withNormShapes`). */
  statesNorms?: true;
  tied?: boolean;
  /** Names of the number of experts; the first is the usual one. */
  experts: readonly [string, ...string[]];
  /** Names of the number of experts per token. */
  perToken?: readonly [string, ...string[]];
  /** Name of an expert's inner width. */
  inner: string;
}

export type RoutingShape = Pick<ModelConfig, 'experts' | 'expertsPerToken'>;

export interface ConfigLayout {
  /** The layout's name in messages. */
  title: string;
  plain: PlainFields;
  /** Names of fields that this layout computes, although others refuse them (config-unsupported.ts). */
  computes?: readonly string[];
  /** The layers with an MLP in place of experts. Default: none. */
  denseLayers?(fields: Fields, layers: number): ModelConfig['denseMlp'];
  /** The rule of the router. */
  routing(fields: Fields, shape: RoutingShape): ModelConfig['routing'];
  /** Everything else in which the layout differs. The result replaces fields of `plain`. */
  vary?(fields: Fields, plain: ModelConfig): Partial<ModelConfig>;
}
