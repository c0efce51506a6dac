// Time of the masks of forced tool calls in each syntax: `node bench/templates/call-masks.ts`. The vocabulary is that of o200k with the
// special tokens of each syntax. Prints the time of a mask in a state that no answer has reached before, and again. The last line is
// JSON.
import { argumentKinds } from '../../gateway/api/text/calls/argument-kinds.ts';
import { callSyntaxOf } from '../../gateway/api/text/calls/syntaxes.ts';
import { Constraints } from '../../gateway/constraints/masks/constraints.ts';
import { vocabularyData } from '../../gateway/constraints/vocabulary.ts';
import { type CallModel, callModels, callTools } from '../../test/support/models/call-models.ts';
import { sigmaTokenizer } from '../../test/support/models/o200k.ts';
import { percentile } from '../statistics.ts';

const RUNS = 5;
const tokenizer = await sigmaTokenizer();
const size = Math.max(...tokenizer.added.map(({ id }) => id)) + 1;
const MOST_SPECIALS = 8;
const data = vocabularyData(size + MOST_SPECIALS, (id) => {
  return id < size ? tokenizer.bytes(id) : new Uint8Array(0);
});

/** Ids of the text, in which the names of special tokens are ids from `size` on. */
function idsOf(text: string, specials: readonly string[]): number[] {
  const escaped = specials.map((name) => name.replace(/[|\\{}()[\]^$+*?.]/g, '\\$&'));
  const parts = escaped.length === 0 ? [text] : text.split(new RegExp(`(${escaped.join('|')})`));
  return parts.flatMap((part) => {
    const special = specials.indexOf(part);
    return special < 0 ? tokenizer.encode(part, { addSpecial: false }) : [size + special];
  });
}

function measure({ name, template, specials, stops = [], weather }: CallModel) {
  const syntax = callSyntaxOf({ source: template, specials });
  if (syntax === undefined) throw new Error(`${name}: no syntax was found`);
  const ids = specials.map((each, i) => [each, stops.includes(each) ? null : size + i] as const);
  const tools = callTools.map(({ function: { name, parameters } }) => {
    const own = { name, parameters: JSON.stringify(parameters) };
    return syntax.arguments.form === 'elements' ? { ...own, kinds: argumentKinds(parameters) } : own;
  });
  const spec = {
    ...{ type: 'tool_calls' as const, mode: 'required' as const, parallel: true },
    ...{ tools, syntax, specials: Object.fromEntries(ids) },
  };
  // The opener of a call cannot be forced.
  const text = weather.slice(weather.startsWith(syntax.opener ?? '\0') ? (syntax.opener ?? '').length : 0);
  const tokens = idsOf(text, specials);
  const write = (constraints: Constraints) => {
    const constraint = constraints.open(spec, { stopIds: [] });
    return tokens.map((id) => {
      const logits = new Float32Array(size + MOST_SPECIALS);
      const startedAt = performance.now();
      constraint.allow(logits);
      const ms = performance.now() - startedAt;
      constraint.advance(id);
      return ms;
    });
  };
  const runs = Array.from({ length: RUNS }, () => {
    const constraints = new Constraints(data);
    return { first: write(constraints), again: write(constraints) };
  });
  const spread = (times: readonly number[]) => {
    return { p50: round(percentile(times, 0.5)), p99: round(percentile(times, 0.99)) };
  };
  const slowest = tokens.map((id, i) => ({
    token: id < size ? Buffer.from(tokenizer.bytes(id)).toString() : specials[id - size],
    ms: round(
      percentile(
        runs.map(({ first }) => first[i] ?? 0),
        0.5,
      ),
    ),
  }));
  slowest.sort((a, b) => b.ms - a.ms);
  return {
    name,
    tokens: tokens.length,
    first: spread(runs.flatMap(({ first }) => first)),
    again: spread(runs.flatMap(({ again }) => again)),
    slowest: slowest.slice(0, 3),
  };
}

/** Two significant digits. */
function round(ms: number): number {
  return Number(ms.toPrecision(2));
}

// The first round compiles the code.
for (const model of callModels) measure(model);
const rows = callModels.map(measure);
console.table(
  rows.map(({ name, tokens, first, again, slowest }) => ({
    name,
    tokens,
    'first, p50 / p99 ms': `${first.p50} / ${first.p99}`,
    'again, p50 / p99 ms': `${again.p50} / ${again.p99}`,
    'slowest before': slowest.map(({ token, ms }) => `${JSON.stringify(token)} ${ms}`).join(', '),
  })),
);
console.log(JSON.stringify(rows));
