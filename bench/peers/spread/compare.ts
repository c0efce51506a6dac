// Compares the greedy text of a gateway with that of llama.cpp on 20 chat prompts:
//   node spread/compare.ts MODEL.gguf http://127.0.0.1:8080 [--tokens 64] [--widen] [--key KEY]
// MODEL.gguf is the dense model from which scripts/spread.ts made the gateway's checkpoint. The command fails if the texts differ
// where neither engine sees a near-tie: where both have a gap of at least 0.05 nat between the two best tokens.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { getLlama, type LlamaContextSequence, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp';
import { compileTemplate } from '../../../gateway/api/text/template.ts';
import { createTokenizer, type Tokenizer } from '../../../gateway/api/text/tokenizer.ts';
import { openGguf } from '../../../model/gguf/read.ts';
import { ggufTokenizer } from '../../../model/gguf/tokenizer/tokenizer.ts';
import { chatPrompts } from './chat-prompts.ts';
import { greedySteps } from './greedy.ts';
import { widenGguf } from './widen-gguf.ts';

/** A gap below this, in nats, counts as a near-tie, which rounding may decide. */
const NEAR_TIE = 0.05;

/** What an engine chose at a position, and how much better it was than the second best. */
interface Choice {
  /** Empty for the token that ends the answer. */
  bytes: readonly number[];
  gap: number;
}

interface Answer {
  promptTokens: number;
  choices: Choice[];
}

/** The fields of a chat completion that are read here. */
interface Completion {
  usage: { prompt_tokens: number };
  choices: { logprobs: { content: { bytes: number[] | null; top_logprobs: { logprob: number }[] }[] } }[];
}

async function askGateway(question: string): Promise<Answer> {
  const response = await fetch(new URL('/v1/chat/completions', gateway), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(options.key !== undefined && { authorization: `Bearer ${options.key}` }),
    },
    body: JSON.stringify({
      ...(options.model !== undefined && { model: options.model }),
      messages: [{ role: 'user', content: question }],
      temperature: 0,
      max_tokens: tokens,
      logprobs: true,
      top_logprobs: 2,
    }),
  });
  if (!response.ok) throw new Error(`${gateway}: ${response.status} ${await response.text()}`);
  const completion = (await response.json()) as Completion;
  const content = completion.choices[0]?.logprobs.content ?? [];
  return {
    promptTokens: completion.usage.prompt_tokens,
    choices: content.map(({ bytes, top_logprobs: [best, second] }) => ({
      bytes: bytes ?? [],
      gap: (best?.logprob ?? 0) - (second?.logprob ?? Number.NEGATIVE_INFINITY),
    })),
  };
}

interface Peer {
  model: LlamaModel;
  sequence: LlamaContextSequence;
  tokenizer: Tokenizer;
  prompt: (question: string) => number[];
}

async function askPeer({ model, sequence, tokenizer, prompt }: Peer, question: string): Promise<Answer> {
  const ids = prompt(question);
  const steps = await greedySteps(model, sequence, { prompt: ids, most: tokens });
  return {
    promptTokens: ids.length,
    choices: steps.map(({ id, gap }) => ({ bytes: [...tokenizer.bytes(id)], gap })),
  };
}

const textOf = ({ choices }: Answer) => Buffer.from(choices.flatMap(({ bytes }) => bytes)).toString();

/** Prints the two texts and where they part. Returns whether they are equal up to the first near-tie. */
function report(question: string, ours: Answer, theirs: Answer): boolean {
  console.log(`\n> ${question}`);
  if (ours.promptTokens !== theirs.promptTokens) {
    console.log(`  the prompts differ: ${ours.promptTokens} and ${theirs.promptTokens} tokens`);
    return false;
  }
  console.log(`  expertgrid: ${JSON.stringify(textOf(ours))}`);
  console.log(`  llama.cpp:  ${JSON.stringify(textOf(theirs))}`);
  const longest = Math.max(ours.choices.length, theirs.choices.length);
  for (let i = 0; i < longest; i++) {
    const [left, right] = [ours.choices[i], theirs.choices[i]];
    if (left !== undefined && right !== undefined && String(left.bytes) === String(right.bytes)) continue;
    const [a, b] = [left?.gap, right?.gap];
    const show = (gap: number | undefined) => (gap === undefined ? 'no token' : `${gap.toFixed(4)} nat`);
    console.log(`  first difference at token ${i}: expertgrid ${show(a)}, llama.cpp ${show(b)}`);
    const isTie = Math.min(a ?? Number.POSITIVE_INFINITY, b ?? Number.POSITIVE_INFINITY) < NEAR_TIE;
    console.log(isTie ? '  a near-tie' : `  NOT a near-tie (${NEAR_TIE} nat)`);
    return isTie;
  }
  console.log(`  equal: all ${longest} tokens`);
  return true;
}

async function openPeer(path: string): Promise<Peer> {
  const files = ggufTokenizer(await openGguf(source));
  const config: Record<string, unknown> = { ...files['tokenizer_config.json'] };
  const tokenizer = createTokenizer({ ...files['tokenizer.json'] }, config);
  if (typeof config.chat_template !== 'string') throw new Error(`${source}: has no chat template`);
  const name = (value: unknown) => (typeof value === 'string' ? value : '');
  const template = compileTemplate(config.chat_template, {
    bos: name(config.bos_token),
    eos: name(config.eos_token),
  });
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath: path, ignoreMemorySafetyChecks: true });
  const context = await model.createContext({
    contextSize: 1024,
    flashAttention: false,
    threads: 1, // two threads wait for each other by spinning, which is slow on a busy machine
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
    ignoreMemorySafetyChecks: true,
  });
  const prompt = (question: string) => {
    const text = template.render({ messages: [{ role: 'user', content: question }] });
    return [...model.tokenize(text, true)];
  };
  return { model, sequence: context.getSequence(), tokenizer, prompt };
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '64' },
    widen: { type: 'boolean', default: false },
    key: { type: 'string' },
    model: { type: 'string' },
  },
});
const [source = '', gateway = ''] = positionals;
const tokens = Number(options.tokens);
if (source === '' || gateway === '' || !(tokens >= 1)) {
  console.error(
    'usage: node spread/compare.ts MODEL.gguf URL [--tokens 64] [--widen] [--model NAME] [--key KEY]',
  );
  process.exit(2);
}
const dir = await mkdtemp(join(tmpdir(), 'expertgrid-spread-'));
try {
  const widened = join(dir, 'widened.gguf');
  if (options.widen) await widenGguf(source, widened);
  const peer = await openPeer(options.widen ? widened : source);
  const passed: boolean[] = [];
  for (const question of chatPrompts) {
    passed.push(report(question, await askGateway(question), await askPeer(peer, question)));
  }
  const count = passed.filter(Boolean).length;
  console.log(`\n${count} of ${passed.length} prompts: equal up to the first near-tie`);
  process.exitCode = count === passed.length ? 0 : 1;
} finally {
  await rm(dir, { recursive: true });
}
