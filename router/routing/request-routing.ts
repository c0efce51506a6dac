// What a request may set about the experts of its rows: how many each layer uses. Pure.

/** How a budget of calls is spent: evenly over the layers, or where a row's router is unsure. */
export const expertPolicies = ['fixed', 'unsure'] as const;

/** Settings that are absent are the checkpoint's. */
export interface RequestRouting {
  /** `[layers]`, number of experts for each token. */
  expertsPerToken?: readonly number[];
  /**
   * Most calls of experts by one token, all layers together. Each row spends them where its router is unsure; see row-routing.ts.
   * Excludes `expertsPerToken`.
   */
  unsureBudget?: number;
}

/** Fewest and most experts of a token in one layer. */
export interface PerToken {
  least: number;
  most: number;
}

/** The numbers of experts that a request may ask for, and the number of layers with experts. */
export interface RoutingShape {
  layers: number;
  perToken: PerToken;
}

/** The budget's calls by layer, as even as possible. The earliest layers get the remainder, because they gain more from it. */
export function splitBudget(budget: number, layers: number): number[] {
  const each = Math.floor(budget / layers);
  const more = budget - each * layers;
  return Array.from({ length: layers }, (_, layer) => each + (layer < more ? 1 : 0));
}

/** The fewest and the most calls of experts by one token in all layers together. */
export function budgetRange({ layers, perToken }: RoutingShape): PerToken {
  return { least: layers * perToken.least, most: layers * perToken.most };
}

/** `[layers]`, the numbers of experts of a token. With an `unsureBudget`, which a row spends as it likes, those of an even share. */
export function usualNumbers(
  { expertsPerToken, unsureBudget }: RequestRouting,
  own: readonly number[],
): readonly number[] {
  if (unsureBudget !== undefined) return splitBudget(unsureBudget, own.length);
  return expertsPerToken ?? own;
}

/** Why the model cannot route a request so; undefined if it can. */
export function routingFault(
  { expertsPerToken, unsureBudget }: RequestRouting,
  shape: RoutingShape,
): string | undefined {
  const isWithin = (value: number, { least, most }: PerToken) =>
    Number.isInteger(value) && value >= least && value <= most;
  const { layers, perToken } = shape;
  if (expertsPerToken !== undefined) {
    if (unsureBudget !== undefined) return 'experts_per_token and expert_budget exclude each other';
    if (expertsPerToken.length === layers && expertsPerToken.every((k) => isWithin(k, perToken)))
      return undefined;
    return `experts_per_token is not ${layers} numbers from ${perToken.least} to ${perToken.most}`;
  }
  const range = budgetRange(shape);
  if (unsureBudget === undefined || isWithin(unsureBudget, range)) return undefined;
  return `expert_budget is not a number from ${range.least} to ${range.most}`;
}

/**
 * A text that is equal for two requests exactly if their rows choose their experts by the same rule. Empty for the checkpoint's own
 * rule, whose numbers are `own [layers]`.
 */
export function routingKey(
  { expertsPerToken, unsureBudget }: RequestRouting,
  own: readonly number[],
): string {
  if (unsureBudget !== undefined) return `unsure ${unsureBudget}`;
  if (expertsPerToken === undefined) return '';
  return expertsPerToken.every((k, layer) => k === own[layer]) ? '' : String(expertsPerToken);
}
