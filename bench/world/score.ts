// Share of the held-out tasks of the small world that a model gets right, greedy: `node bench/world/score.ts [--url
// http://127.0.0.1:8080] [--model ID] [--key KEY] [--tasks FILE] [--concurrency 4] [--show]`. It needs a gateway that
// serves the model. Prints the share right by kind; `--show` prints the wrong answers; the last line is JSON.
import { readFile } from 'node:fs/promises';
import { readFlags } from '../flags.ts';
import { type Answer, failed, type Task } from './rules.ts';

/** Longest answer in tokens. The longest right answer is a list of about 120. */
const MOST_TOKENS = 300;

const flags = readFlags({
  url: 'http://127.0.0.1:8080',
  model: undefined,
  key: undefined,
  tasks: new URL('../../train/world/tasks.json', import.meta.url).pathname,
  concurrency: '4',
  show: false,
});
const headers = {
  'content-type': 'application/json',
  ...(flags.key !== undefined && { authorization: `Bearer ${flags.key}` }),
};

const tasks = JSON.parse(await readFile(flags.tasks, 'utf8')) as Task[];
const model = flags.model ?? (await firstModel());
const waiting = tasks.values();
const right = new Map(tasks.map(({ id }) => [id, false]));
await Promise.all(Array.from({ length: Number(flags.concurrency) }, work));
const kinds = Map.groupBy(tasks, ({ kind }) => kind);
for (const [kind, each] of kinds) console.log(`${kind}: ${share(each)}`);
console.log(`all: ${share(tasks)}`);
console.log(
  JSON.stringify({
    model,
    kinds: Object.fromEntries([...kinds].map(([kind, each]) => [kind, countRight(each) / each.length])),
    right: countRight(tasks) / tasks.length,
  }),
);

function countRight(each: readonly Task[]): number {
  return each.filter(({ id }) => right.get(id)).length;
}

function share(each: readonly Task[]): string {
  return `${countRight(each)} of ${each.length} (${((100 * countRight(each)) / each.length).toFixed(1)} %)`;
}

async function work(): Promise<void> {
  for (const task of waiting) {
    const answer = await ask(task);
    const faults = failed(task, answer);
    right.set(task.id, faults.length === 0);
    if (flags.show && faults.length > 0) {
      console.log(`${task.id}: wrong by ${JSON.stringify(faults)}\n  ${JSON.stringify(answer)}`);
    }
  }
}

async function ask({ id, messages, tools }: Task): Promise<Answer> {
  const body = { model, messages, tools, temperature: 0, max_tokens: MOST_TOKENS };
  const response = await fetch(new URL('/v1/chat/completions', flags.url), {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`task ${id}: ${response.status} ${await response.text()}`);
  const { choices } = (await response.json()) as {
    choices: { message: { content: string | null; tool_calls?: { function: Answer['calls'][number] }[] } }[];
  };
  const message = choices[0]?.message;
  return {
    content: message?.content ?? '',
    calls: (message?.tool_calls ?? []).map((call) => call.function),
  };
}

async function firstModel(): Promise<string> {
  const response = await fetch(new URL('/v1/models', flags.url), { headers });
  if (!response.ok) throw new Error(`/v1/models: ${response.status} ${await response.text()}`);
  const [first] = ((await response.json()) as { data: { id: string }[] }).data;
  if (first === undefined) throw new Error(`${flags.url} serves no model. Give one with --model.`);
  return first.id;
}
