// Checks expensive specifications (bench/hostile/shapes-grammar.ts). Each is either refused with a fault or followed. If it is
// followed, an answer can be written, masks are found in pieces of limited time, and memory stays within its bound.
import { expect, it } from 'vitest';
import { grammarShapes } from '../../../bench/hostile/shapes-grammar.ts';
import { ConstraintFault } from '../../../gateway/constraints/fault.ts';
import type { Constraint } from '../../../gateway/constraints/masks/constraint.ts';
import { Constraints } from '../../../gateway/constraints/masks/constraints.ts';
import { read } from '../../../gateway/constraints/reading/read.ts';
import type { GrammarSpec } from '../../../gateway/constraints/specification.ts';
import { uniform } from '../../support/random.ts';
import { END, nano } from './writer.ts';

const VOCAB = nano.ends.length;
/** Most bytes of all grammars together. */
const BYTES = 24 * 2 ** 20;

interface Fields {
  guided_grammar?: string;
  guided_regex?: string;
  guided_choice?: string[];
  guided_json?: object;
  response_format?: { json_schema: { schema: object; strict: boolean } };
}

function specOf(fields: Fields): GrammarSpec {
  const { guided_grammar, guided_regex, guided_choice, guided_json, response_format } = fields;
  if (guided_grammar !== undefined) return { type: 'grammar', grammar: guided_grammar };
  if (guided_regex !== undefined) return { type: 'regex', pattern: guided_regex };
  if (guided_choice !== undefined) return { type: 'choice', choices: guided_choice };
  const { schema, strict } = response_format?.json_schema ?? { schema: guided_json, strict: true };
  return { type: 'json_schema', schema: JSON.stringify(schema), ...(!strict && { relaxed: true as const }) };
}

interface Tally {
  refused: number;
  /** Followed for no or some tokens, and then ended with a fault because it is too ambiguous or too large. */
  ended: number;
  written: number;
}

/** Writes up to `tokens` tokens for each specification, made from a seed. All specifications share one bound on memory. */
function followShapes(from: number, to: number, tokens: number): Tally {
  const constraints = new Constraints(nano, { bytes: BYTES });
  const tally = { refused: 0, ended: 0, written: 0 };
  for (let seed = from; seed < to; seed++) {
    const spec = specOf(grammarShapes(uniform(seed)) as Fields);
    const packed = orFault(() => read(spec).packed);
    if (packed instanceof ConstraintFault) {
      tally.refused++;
      continue;
    }
    const fault = orFault(() => {
      const constraint = constraints.open({ type: 'read', key: String(seed), packed }, { stopIds: [END] });
      try {
        write(constraint, { seed, tokens });
      } finally {
        constraint.close();
      }
    });
    if (fault instanceof ConstraintFault) tally.ended++;
    else tally.written++;
    expect(constraints.grammars.bytes, `seed ${seed}`).toBeLessThan(BYTES);
  }
  return tally;
}

function orFault<Result>(make: () => Result): Result | ConstraintFault {
  try {
    return make();
  } catch (cause) {
    if (cause instanceof ConstraintFault) return cause;
    throw cause;
  }
}

function write(constraint: Constraint, { seed, tokens }: { seed: number; tokens: number }): void {
  const random = uniform(seed);
  const logits = new Float32Array(VOCAB);
  for (let token = 0; token < tokens && !constraint.finished; token++) {
    for (let looks = 0; !constraint.prepare(() => ++looks > 200); ) looks = 0;
    expect(constraint.ready).toBe(true);
    logits.fill(0);
    constraint.allow(logits);
    const ids = [...logits.keys()].filter((id) => logits[id] === 0);
    expect(ids.length, `seed ${seed} leads to a dead end`).toBeGreaterThan(0);
    const id = ids[Math.floor(random() * ids.length)] ?? END;
    constraint.advance(id);
    if (id === END) return;
  }
}

it('an expensive specification is refused with a fault, or followed within bounds on time and memory', {
  timeout: 900_000,
}, () => {
  const { refused, ended, written } = followShapes(3000, 3250, 40);
  expect(refused + ended + written).toBe(250);
  expect(refused).toBeGreaterThan(10);
  expect(written).toBeGreaterThan(100);
});
