// Parses a gateway's answer to GET /v1/experts/heat.
import type { Heat } from './heat.ts';

/** Heat and the other fields that a plan needs. */
export interface ReadHeat extends Heat {
  /** Identity of the checkpoint. */
  model: string;
  /** Decayed numbers of steps by size: `count` steps had more than `rows / 2` and at most `rows` rows. */
  steps: { rows: number; count: number }[];
  halfLifeSeconds: number;
}

/** Throws an error that names the field if a field is malformed. */
export function readHeat(value: unknown): ReadHeat {
  const fields = object(value, 'the answer');
  const layers = whole(fields.layers, 'layers');
  const experts = whole(fields.experts, 'experts');
  if (typeof fields.model !== 'string') wrong('model must be the identity of a checkpoint');
  const counts = list(fields.counts, 'counts', layers).map((ofLayer, layer) =>
    list(ofLayer, `counts[${layer}]`, experts).map((rows) => amount(rows, `counts[${layer}]`)),
  );
  const steps = list(fields.steps, 'steps').map((step) => {
    const { rows, count } = object(step, 'an entry of steps');
    return { rows: whole(rows, 'steps.rows'), count: amount(count, 'steps.count') };
  });
  const halfLifeSeconds = amount(fields.half_life_seconds, 'half_life_seconds');
  const heat = { model: fields.model, layers, experts, counts, steps, halfLifeSeconds };
  if (fields.transitions === undefined || fields.transitions === null) return heat;
  const successors = list(fields.transitions, 'transitions', layers - 1).map((ofLayer, layer) =>
    list(ofLayer, `transitions[${layer}]`, experts).map((followers) =>
      list(followers, `transitions[${layer}]`).map((entry): [number, number] => {
        const [expert, rows] = list(entry, 'an entry of transitions', 2);
        const next = amount(expert, 'an expert of transitions');
        if (!Number.isInteger(next) || next >= experts)
          wrong(`transitions name expert ${next} of ${experts}`);
        return [next, amount(rows, 'rows of transitions')];
      }),
    ),
  );
  return { ...heat, successors };
}

/** Median step size, weighted by rows: half of all rows ran in steps of at most this many rows. Undefined if no step ran. */
export function usualRows({ steps }: Pick<ReadHeat, 'steps'>): number | undefined {
  const total = steps.reduce((sum, { rows, count }) => sum + rows * count, 0);
  let sum = 0;
  for (const { rows, count } of steps.toSorted((a, b) => a.rows - b.rows)) {
    sum += rows * count;
    if (total > 0 && sum * 2 >= total) return rows;
  }
  return undefined;
}

function wrong(message: string): never {
  throw new Error(`heat: ${message}`);
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  return wrong(`${what} must be an object`);
}

function list(value: unknown, what: string, length?: number): unknown[] {
  if (!Array.isArray(value)) return wrong(`${what} must be an array`);
  if (length !== undefined && value.length !== length)
    wrong(`${what} has ${value.length} entries, not ${length}`);
  return value;
}

function amount(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  return wrong(`${what} must be numbers of at least 0`);
}

function whole(value: unknown, what: string): number {
  const number = amount(value, what);
  return Number.isInteger(number) && number > 0 ? number : wrong(`${what} must be a whole number above 0`);
}
