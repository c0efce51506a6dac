// Structured output with schemas from practice: JSONSchemaBench and its MaskBench (github.com/guidance-ai/jsonschemabench; DIR is a
// checkout of it, which is not part of this repository). `node bench/parts/schemas.ts DIR [--masks-every 50]`: how many
// schemas are accepted, how many of MaskBench's files pass, what was wrongly accepted, and what masks cost on every 50th file with a
// vocabulary of 200,000: ours, or one of tiktoken's (`--vocabulary o200k_base.tiktoken`; npm's gpt-tokenizer has it). The last line
// is JSON.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConstraintFault } from '../../gateway/constraints/fault.ts';
import { grammarOf } from '../../gateway/constraints/grammar/grammar-of.ts';
import { Automaton } from '../../gateway/constraints/masks/automaton.ts';
import { CompiledGrammar } from '../../gateway/constraints/masks/compiled.ts';
import { allows } from '../../gateway/constraints/masks/mask.ts';
import type { State } from '../../gateway/constraints/masks/state.ts';
import { Vocabulary, vocabularyData } from '../../gateway/constraints/vocabulary.ts';
import { largeVocabulary } from './vocabulary.ts';

interface Test {
  data: unknown;
  valid: boolean;
}

/** The numbers of instances as they are written: 1.0 is no integer in draft 4. */
class Written {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'masks-every': { type: 'string', default: '50' },
    vocabulary: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const [folder] = positionals;
if (folder === undefined)
  throw new Error('usage: node bench/parts/schemas.ts DIR, a checkout of jsonschemabench');

const accepted = acceptedOf(join(folder, 'data'));
const passing = maskBench(join(folder, 'maskbench', 'data'));
const masks = maskTimes(join(folder, 'maskbench', 'data'), Number(values['masks-every']));
console.table({ JSONSchemaBench: accepted, MaskBench: passing });
console.table(masks);
console.log(JSON.stringify({ accepted, passing, masks }));

function acceptedOf(data: string) {
  const files = jsonFiles(data);
  const refused = files.filter((file) => faultOf(readFileSync(join(data, file), 'utf8')) !== undefined);
  return { schemas: files.length, accepted: files.length - refused.length };
}

/** Passes as MaskBench counts: the schema compiles, and exactly its valid instances, written as Python writes JSON, are accepted. */
function maskBench(data: string) {
  const files = jsonFiles(data);
  const counts = { schemas: files.length, passing: 0, refused: 0, falseAccepts: 0, falseRejects: 0 };
  for (const file of files) {
    const { schema, tests } = read(join(data, file));
    const text = JSON.stringify(schema);
    if (faultOf(text) !== undefined) {
      counts.refused++;
      continue;
    }
    const automaton = new Automaton(grammarOf({ type: 'json_schema', schema: text }), { longestToken: 64 });
    const wrong = tests.filter((test) => takes(automaton, written(test.data)) !== test.valid);
    if (wrong.length === 0) counts.passing++;
    if (wrong.some(({ valid }) => !valid)) counts.falseAccepts++;
    if (wrong.some(({ valid }) => valid)) counts.falseRejects++;
    if (values.verbose && wrong.length > 0)
      console.log(file, wrong[0]?.valid ? 'refuses' : 'takes', written(wrong[0]?.data));
  }
  return counts;
}

/** Milliseconds of the thread that steps the engine. */
function maskTimes(data: string, every: number) {
  const tokens = values.vocabulary === undefined ? largeVocabulary() : vocabularyIn(values.vocabulary);
  const vocabulary = new Vocabulary(vocabularyData(tokens.length, (id) => tokens[id] ?? new Uint8Array(0)));
  const idOf = new Map(tokens.map((bytes, id) => [Buffer.from(bytes).toString('latin1'), id]));
  const first: number[] = [];
  const all: number[] = [];
  for (const file of jsonFiles(data).filter((_, i) => i % every === 0)) {
    const { schema, tests } = read(join(data, file));
    const text = JSON.stringify(schema);
    if (faultOf(text) !== undefined) continue;
    const startedAt = performance.now();
    const grammar = new CompiledGrammar(grammarOf({ type: 'json_schema', schema: text }), vocabulary);
    grammar.mask(grammar.automaton.start());
    first.push(performance.now() - startedAt);
    for (const { data: instance } of tests) {
      let state: State | undefined = grammar.automaton.start();
      for (const id of idsOf(written(instance), idOf)) {
        const before = performance.now();
        const mask = grammar.mask(state);
        all.push(performance.now() - before);
        if (!allows(mask, id)) break;
        for (const byte of vocabulary.bytes(id)) state = state && grammar.automaton.step(state, byte);
        if (state === undefined) throw new Error(`${file}: a mask allows what the grammar does not`);
      }
    }
  }
  return { 'schema to first mask': quantiles(first), mask: quantiles(all) };
}

/** Of a file as tiktoken has them: a token in base64 and its id a line, in the order of the ids. */
function vocabularyIn(file: string): Uint8Array[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => Buffer.from(line.split(' ')[0] ?? '', 'base64'));
}

/** The longest token that fits, again and again. */
function idsOf(text: string, idOf: ReadonlyMap<string, number>): number[] {
  const bytes = Buffer.from(text).toString('latin1');
  const ids: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = Math.min(24, bytes.length - at);
    while (length > 1 && !idOf.has(bytes.slice(at, at + length))) length--;
    ids.push(idOf.get(bytes.slice(at, at + length)) ?? 0);
    at += length;
  }
  return ids;
}

function takes(automaton: Automaton, text: string): boolean | undefined {
  let state: State | undefined = automaton.start();
  try {
    for (const byte of Buffer.from(text)) {
      state = state && automaton.step(state, byte);
    }
  } catch (cause) {
    // A request that came to this would end in an error.
    if (cause instanceof ConstraintFault) return undefined;
    throw cause;
  }
  return state !== undefined;
}

function faultOf(schema: string): ConstraintFault | undefined {
  try {
    grammarOf({ type: 'json_schema', schema });
    return undefined;
  } catch (cause) {
    if (cause instanceof ConstraintFault) return cause;
    throw cause;
  }
}

function jsonFiles(data: string): string[] {
  return readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .sort();
}

function read(file: string): { schema: unknown; tests: Test[] } {
  const text = readFileSync(file, 'utf8');
  const { schema } = JSON.parse(text) as { schema: unknown };
  const { tests } = JSON.parse(text, (_, value: unknown, context?: { source?: string }) => {
    return typeof value === 'number' && context?.source !== undefined ? new Written(context.source) : value;
  }) as { tests: Test[] };
  return { schema, tests };
}

/** A space behind commas and colons. */
function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (value instanceof Written) return value.text;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}: ${written(each)}`)
    .join(', ')}}`;
}

function quantiles(times: number[]) {
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toPrecision(2));
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: at(1) };
}
