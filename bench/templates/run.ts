// Compares our rendering of chat templates with that of Jinja in Python, for every template in a folder, and prints a table.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import { type Conversation, compileTemplate } from '../../gateway/api/text/template.ts';
import { readFlags } from '../flags.ts';
import { type CallsOf, callsOf, resultOfCalls } from './calls.ts';
import { conversations } from './conversations.ts';

const USAGE = `usage: node bench/templates/run.ts --folder DIR [--python FILE] [--names FILE] [--details]

  --folder DIR   folder of templates, one file NAME.jinja each
  --python FILE  Python 3 with jinja2 3.1.6 (default: python3)
  --names FILE   print the rows of these templates only, one name a line; the sums are of all
  --details      print the first difference of each template
`;

const NOW = [2026, 3, 5, 7, 8, 9] as const;
const [YEAR, MONTH, ...TIME] = NOW;
const clock = { now: () => new Date(YEAR, MONTH - 1, ...TIME) };
const TOKENS = { bos: '<s>', eos: '</s>', others: { unk_token: '<unk>', pad_token: '<pad>' } };
/** Of the answer of the Python process. */
const MOST_BYTES = 1 << 30;

interface Outcome {
  text?: string;
  error?: string;
}

interface Compared {
  name: string;
  /** Renderings in which both give the same text. */
  same: number;
  /** Renderings that both refuse. */
  bothRefuse: number;
  differences: Difference[];
  /** What was found out about tool calls. Undefined if the template is refused. */
  calls?: CallsOf;
  /** Why our parser or checks refuse the template itself. */
  refused?: string;
}

interface Difference {
  conversation: string;
  ours: Outcome;
  theirs: Outcome;
}

/** What a template is given in Python, as `compileTemplate` gives it. */
function variablesOf({ messages, tools = [], documents = [], variables = {}, ending }: Conversation): object {
  return {
    ...TOKENS.others,
    ...variables,
    messages,
    tools: tools.length > 0 ? tools : null,
    documents: documents.length > 0 ? documents : null,
    add_generation_prompt: ending !== 'none',
    bos_token: TOKENS.bos,
    eos_token: TOKENS.eos,
  };
}

function python(file: string, sources: readonly string[]): Outcome[][] {
  const input = JSON.stringify({ now: NOW, sources, cases: Object.values(conversations).map(variablesOf) });
  const script = join(import.meta.dirname, 'render.py');
  return JSON.parse(execFileSync(file, [script], { input, encoding: 'utf8', maxBuffer: MOST_BYTES }));
}

function attempt(render: () => string): Outcome {
  try {
    return { text: render() };
  } catch (error) {
    return { error: errorText(error) };
  }
}

function compareTemplate(name: string, source: string, theirs: readonly Outcome[]): Compared {
  const compared: Compared = { name, same: 0, bothRefuse: 0, differences: [] };
  let render: (conversation: Conversation) => string;
  try {
    const template = compileTemplate(source, TOKENS, clock);
    render = template.render;
    compared.calls = callsOf(template);
  } catch (error) {
    compared.refused = errorText(error);
    render = () => {
      throw error;
    };
  }
  for (const [i, [conversation, given]] of Object.entries(conversations).entries()) {
    const ours = attempt(() => render(given));
    const other = theirs[i] ?? {};
    if (ours.text !== other.text) compared.differences.push({ conversation, ours, theirs: other });
    else if (ours.text === undefined) compared.bothRefuse++;
    else compared.same++;
  }
  return compared;
}

function resultOf({ differences, refused, same }: Compared): string {
  if (refused !== undefined) {
    return differences.length === 0 ? `refused by both: ${refused}` : `refused when loaded: ${refused}`;
  }
  if (differences.length > 0) return `${differences.length} differ`;
  return same === 0 ? 'refused by both' : 'same';
}

/** The part of the text around the first character that differs. */
function around({ text, error }: Outcome, other: Outcome): string {
  if (text === undefined) return `error: ${error}`;
  const at = Array.from(text).findIndex((char, i) => char !== Array.from(other.text ?? '')[i]);
  return JSON.stringify(text.slice(Math.max(0, at - 60), at + 60));
}

const flags = readFlags({
  folder: undefined,
  python: 'python3',
  names: undefined,
  details: false,
  help: false,
});
if (flags.folder === undefined || flags.help) {
  console.log(USAGE);
  process.exit(flags.help ? 0 : 2);
}
const folder = flags.folder;
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.jinja'))
  .sort();
const sources = names.map((name) => readFileSync(join(folder, name), 'utf8'));
const theirs = python(flags.python, sources);
const compared = names.map((name, i) =>
  compareTemplate(name.replace(/\.jinja$/, ''), sources[i] ?? '', theirs[i] ?? []),
);
const listed = flags.names === undefined ? undefined : new Set(readFileSync(flags.names, 'utf8').split('\n'));

console.log('| template | same text | both refuse | result | tool calls | thinking |');
console.log('|---|---|---|---|---|---|');
for (const each of compared) {
  if (listed?.has(each.name) === false) continue;
  const { name, same, bothRefuse, calls } = each;
  const written = calls === undefined ? '' : resultOfCalls(calls);
  const thinking = (calls?.thinking ?? '').replaceAll('|', '\\|');
  console.log(`| ${name} | ${same} | ${bothRefuse} | ${resultOf(each)} | ${written} | ${thinking} |`);
}
const sum = (count: (each: Compared) => number) => compared.reduce((total, each) => total + count(each), 0);
const differ = compared.filter(({ differences }) => differences.length > 0);
console.log(
  `\n${compared.length} templates, ${names.length * Object.keys(conversations).length} renderings: ${sum(({ same }) => same)} the same, ${sum(({ bothRefuse }) => bothRefuse)} refused by both, ${sum(({ differences }) => differences.length)} differ (in ${differ.length} templates)`,
);
const turns = compared.flatMap(({ name, calls }) => (calls?.turns ?? []).map((turn) => ({ name, ...turn })));
const outcomes = Object.entries(Object.groupBy(turns, ({ outcome }) => outcome));
const counts = outcomes.map(([outcome, of = []]) => `${of.length} ${outcome}`).join(', ');
const held = turns.filter((turn) => turn.held).length;
console.log(
  `turns with tool calls, in templates with a known syntax: ${counts}; ${held} are held as they are`,
);
if (flags.details) {
  for (const { name, turn, outcome, text, read, held } of turns) {
    if (outcome === 'same' && held) continue;
    console.log(`\n${name}, ${turn}: ${outcome === 'same' ? 'not held' : outcome}`);
    console.log(`  written ${JSON.stringify(text)}`);
    if (read !== undefined) console.log(`  read    ${read}`);
  }
  for (const { name, differences } of differ) {
    const [first] = differences;
    if (first === undefined) continue;
    console.log(`\n${name}, ${first.conversation}:`);
    console.log(`  ours    ${around(first.ours, first.theirs)}`);
    console.log(`  theirs  ${around(first.theirs, first.ours)}`);
  }
}
process.exitCode = differ.length === 0 ? 0 : 1;
