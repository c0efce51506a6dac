// Structured output with schemas from practice: `node bench/parts/schemas.ts DIR [--masks-every 50] [--vocabulary FILE]
// [--verbose]`. DIR is a checkout of JSONSchemaBench with its MaskBench (github.com/guidance-ai/jsonschemabench). Counts
// the schemas that are accepted and the files of MaskBench that pass, and times the masks of every 50th file with a
// vocabulary of 200,000 tokens. That vocabulary is made up unless FILE is one of tiktoken's, such as o200k_base.tiktoken
// (part of npm's gpt-tokenizer). The last line is JSON.
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
import { percentile } from '../statistics.ts';
import { largeVocabulary } from './vocabulary.ts';

interface Test {
  data: unknown;
  valid: boolean;
}

/** A number of a JSON file, which keeps its text, because 1.0 is no integer in draft 4 of JSON Schema. */
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
  throw new Error('usage: node bench/parts/schemas.ts DIR (a checkout of jsonschemabench)');

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

/** Counts as MaskBench does. A file passes if its schema compiles and exactly its valid instances are accepted. */
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

/** Times of masks in milliseconds. A server computes masks in the engine's thread, so a slow mask delays every stream. */
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

/** Reads a file of tiktoken, which has a line for each token in the order of the ids: the bytes in base64 and the id. */
function vocabularyIn(file: string): Uint8Array[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => Buffer.from(line.split(' ')[0] ?? '', 'base64'));
}

/** Ids of a text: at each place the longest token that fits. */
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

/** Whether the grammar accepts the whole text. Undefined if the automaton throws a ConstraintFault before that is known. */
function takes(automaton: Automaton, text: string): boolean | undefined {
  let state: State | undefined = automaton.start();
  try {
    for (const byte of Buffer.from(text)) {
      state = state && automaton.step(state, byte);
    }
  } catch (cause) {
    // A request in this state would end in an error.
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

/** JSON with a space after commas and colons, as Python writes it. */
function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (value instanceof Written) return value.text;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}: ${written(each)}`)
    .join(', ')}}`;
}

function quantiles(times: number[]) {
  const at = (share: number) => Number(percentile(times, share).toPrecision(2));
  return { count: times.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: at(1) };
}
