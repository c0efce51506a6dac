// How the rows of a step spread over experts and shards, if all experts are equally likely.

/** Expected number of different experts, of `experts`, that `calls` calls reach. `calls` need not be whole. */
export function touched(experts: number, calls: number): number {
  return experts * (1 - (1 - 1 / experts) ** calls);
}

/** Expected number of groups of shards that `calls` calls reach: the frames of a layer. */
export const frames = touched;

/**
 * Expected number of calls of the group that has most of `calls`. The mean and the largest of `groups` deviations, as for normal
 * variables: sqrt(2 ln groups) standard deviations of a multinomial count.
 */
export function fullest(groups: number, calls: number): number {
  const mean = calls / groups;
  const deviation = Math.sqrt(mean * (1 - 1 / groups));
  return Math.min(calls, mean + deviation * Math.sqrt(2 * Math.log(groups)));
}
