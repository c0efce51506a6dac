// Time that structured output takes in the engine's thread: `node bench/parts/constraints.ts [--library]`. Times how long
// a schema takes to compile, and how long each mask of an answer takes the first time and again, with nano's vocabulary
// and with one of 200,000 tokens. `--library` also times how long @mlc-ai/web-xgrammar takes to compile the schemas. The
// last line is JSON.
import { loadTextSide } from '../../gateway/api/text/text-side.ts';
import { Constraints } from '../../gateway/constraints/masks/constraints.ts';
import { Vocabulary, type VocabularyData, vocabularyData } from '../../gateway/constraints/vocabulary.ts';
import { nano, nanoConfig } from '../../test/support/models/nano.ts';
import { openOracle } from '../../test/support/xgrammar.ts';
import { readFlags } from '../flags.ts';
import { percentile } from '../statistics.ts';
import { largeVocabulary } from './vocabulary.ts';

interface Case {
  name: string;
  schema: unknown;
  /** An answer. Each of its bytes is one token, so every byte needs a mask. */
  text: string;
}

const person = (properties: number) => ({
  type: 'object',
  properties: Object.fromEntries(
    Array.from({ length: properties }, (_, i) => [
      `property${i}`,
      { type: ['string', 'integer', 'boolean'][i % 3] },
    ]),
  ),
  required: ['property0'],
});

const cases: readonly Case[] = [
  { name: 'string and integer', schema: person(2), text: '{"property0":"hello","property1":12}' },
  {
    name: '15 properties',
    schema: person(15),
    text: '{"property0":"hello","property3":"there","property14":true}',
  },
  { name: 'maxLength 200', schema: { type: 'string', maxLength: 200 }, text: `"${'hello '.repeat(33)}"` },
  {
    name: 'pattern',
    schema: { type: 'string', pattern: '^[a-z]{2,10}@[a-z]{2,10}$' },
    text: '"hello@there"',
  },
  { name: 'date-time', schema: { type: 'string', format: 'date-time' }, text: '"2024-12-31T23:59:59Z"' },
  { name: 'any object', schema: { type: 'object' }, text: '{"a":{"b":[1,"c",null]}}' },
];

const { library } = readFlags({ library: false });
const { tokenizer } = await loadTextSide(nano);
const { vocab } = await nanoConfig();
const large = largeVocabulary();
const results = [
  ...(await measure('nano', () => vocabularyData(vocab, (id) => tokenizer.bytes(id)))),
  ...(await measure('200k', () => vocabularyData(large.length, (id) => large[id] ?? new Uint8Array(0)))),
];
console.log(JSON.stringify(results));

async function measure(vocabulary: string, make: () => VocabularyData) {
  const { value: data, ms } = timed(make);
  console.log(
    `${vocabulary}: ${data.tree.byte.length} nodes in the tree of the vocabulary, which was built in ${ms.toFixed(0)} ms`,
  );
  const tokens = new Vocabulary(data);
  const ids = Array.from({ length: tokens.size }, (_, id) => id);
  const idOfByte = new Map(
    ids.flatMap((id) => (tokens.bytes(id).length === 1 ? [[tokens.bytes(id)[0], id]] : [])),
  );
  const oracle = library ? await openOracle(ids.map((id) => tokens.bytes(id))) : undefined;
  const rows = [];
  for (const { name, schema, text } of [...cases, ...cases].slice(1)) {
    // The first round of the cases compiles the code. The cases share no cache.
    const constraints = new Constraints(data);
    const spec = { type: 'json_schema', schema: JSON.stringify(schema) } as const;
    const compiled = timed(() => constraints.open(spec, { stopIds: [] }));
    const write = (constraint: typeof compiled.value) => {
      return Array.from(Buffer.from(text), (byte) => {
        const { ms } = timed(() => constraint.allow(new Float32Array(data.ends.length)));
        constraint.advance(idOfByte.get(byte) ?? 0);
        return ms;
      });
    };
    const first = write(compiled.value);
    const again = write(constraints.open(spec, { stopIds: [] }));
    rows.push({
      vocabulary,
      name,
      compileMs: round(compiled.ms),
      firstMaskMs: { median: round(percentile(first, 0.5)), worst: round(Math.max(...first)) },
      knownMaskMs: { median: round(percentile(again, 0.5)), worst: round(Math.max(...again)) },
    });
  }
  const kept = rows.slice(-cases.length);
  console.table(
    kept.map(({ firstMaskMs, knownMaskMs, ...row }) => ({
      ...row,
      first: `${firstMaskMs.median} / ${firstMaskMs.worst}`,
      known: `${knownMaskMs.median} / ${knownMaskMs.worst}`,
    })),
  );
  for (const { name, schema } of oracle === undefined ? [] : cases) {
    const startedAt = performance.now();
    await oracle?.open({ schema: JSON.stringify(schema) });
    console.log(`xgrammar compiles ${name} in ${(performance.now() - startedAt).toFixed(1)} ms`);
  }
  return kept;
}

function timed<Value>(run: () => Value): { value: Value; ms: number } {
  const startedAt = performance.now();
  const value = run();
  return { value, ms: performance.now() - startedAt };
}

/** Two significant digits. */
function round(ms: number): number {
  return Number(ms.toPrecision(2));
}
