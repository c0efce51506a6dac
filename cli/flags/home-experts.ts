// The experts that a gateway holds itself: checks the lists of --experts or --gateway-experts before anything starts. Pure.
import { errorText } from '../../base/error-text.ts';
import { parseHoldings } from '../../experts/holdings.ts';
import { UsageError } from './flags.ts';
import type { OpenedModel } from './models.ts';

type Shaped = Pick<OpenedModel, 'id' | 'layers' | 'experts'>;

interface HomeOptions<M extends Shaped> {
  /** Name of the flag. */
  flag: string;
  /** The values of the flag, one list for each model. Undefined: the flag is not given. */
  lists: readonly string[] | undefined;
  models: readonly M[];
  /** True if no shard runs elsewhere, so that the gateway must hold every expert. */
  alone?: boolean;
}

/** The lists for `parseHoldings` by model; none if the flag is not given. Throws a UsageError that says what is wrong with a list. */
export function homeExperts<M extends Shaped>({
  flag,
  lists,
  models,
  alone = false,
}: HomeOptions<M>): (model: M) => readonly string[] {
  if (lists === undefined) return () => [];
  if (lists.length !== models.length) {
    const [given, wanted] = [lists.length, models.length];
    throw new UsageError(
      `${flag}: give one list for each --model, in the same order, not ${given} ${given === 1 ? 'list' : 'lists'} for ${wanted} ${wanted === 1 ? 'model' : 'models'}`,
    );
  }
  const byModel = new Map(models.map((model, i) => [model, lists[i]!]));
  for (const [{ id, layers, experts }, list] of byModel) {
    const held = unitsOf(list, { layers, experts }, flag);
    if (alone && held < layers * experts) {
      throw new UsageError(
        `${flag} ${list}: ${held} of the ${layers * experts} experts of ${id} are named, and no shard holds the others. ` +
          `Give --shards, --shards-dns or --shards-file too, or ${flag} 0-${experts - 1}`,
      );
    }
  }
  return (model) => {
    const list = byModel.get(model);
    return list === undefined ? [] : [list];
  };
}

function unitsOf(list: string, shape: { layers: number; experts: number }, flag: string): number {
  try {
    return parseHoldings(list, shape).length;
  } catch (cause) {
    throw new UsageError(`${flag}: ${errorText(cause)}`, { cause });
  }
}
