// Asks a served model the tasks of the small world, greedy, and counts the right answers.
import { readFile } from 'node:fs/promises';
import { type Answer, type Check, failed, type Task } from './rules.ts';

const TASKS = new URL('../../train/world/tasks.json', import.meta.url);

/** Longest answer in tokens. The longest right answer is a list of about 120. */
const MOST_TOKENS = 300;

interface Gateway {
  url: string;
  /** API key. */
  key?: string | undefined;
}

export interface Served extends Gateway {
  model: string;
  /** The field `expertgrid` of each request. */
  expertgrid?: object;
}

/** Share of the tasks that are right, of each kind and of all. */
export interface Shares {
  kinds: Record<string, number>;
  right: number;
}

/** Tasks that train/world/tasks.py wrote. Default: the 200 of the repository. */
export async function readTasks(file: string | URL = TASKS): Promise<Task[]> {
  return JSON.parse(await readFile(file, 'utf8'));
}

/** The answer to a GET, or to a POST of `body`. Throws if its status is an error. */
export async function askJson({ url, key }: Gateway, path: string, body?: object): Promise<unknown> {
  const response = await fetch(new URL(path, url), {
    headers: {
      'content-type': 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return await response.json();
}

/** The id of the first model of GET /v1/models. Throws if there is none. */
export async function firstModel(gateway: Gateway): Promise<string> {
  const [first] = ((await askJson(gateway, '/v1/models')) as { data: { id: string }[] }).data;
  if (first === undefined) throw new Error(`${gateway.url} serves no model. Give one with --model.`);
  return first.id;
}

/** The ids of the tasks that are answered right. */
export async function rightTasks(
  tasks: readonly Task[],
  served: Served,
  {
    concurrency,
    onWrong,
  }: { concurrency: number; onWrong?: (task: Task, answer: Answer, faults: readonly Check[]) => void },
): Promise<Set<string>> {
  const waiting = tasks.values();
  const right = new Set<string>();
  const work = async () => {
    for (const task of waiting) {
      const answer = await ask(task, served);
      const faults = failed(task, answer);
      if (faults.length === 0) right.add(task.id);
      else onWrong?.(task, answer, faults);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return right;
}

/** How many of the tasks are in `right`. */
export function countRight(tasks: readonly Task[], right: ReadonlySet<string>): number {
  return tasks.filter(({ id }) => right.has(id)).length;
}

export function sharesOf(tasks: readonly Task[], right: ReadonlySet<string>): Shares {
  const share = (each: readonly Task[]) => countRight(each, right) / each.length;
  const kinds = Map.groupBy(tasks, ({ kind }) => kind);
  return {
    kinds: Object.fromEntries([...kinds].map(([kind, each]) => [kind, share(each)])),
    right: share(tasks),
  };
}

async function ask({ messages, tools }: Task, { model, expertgrid, ...gateway }: Served): Promise<Answer> {
  const body = { model, messages, tools, expertgrid, temperature: 0, max_tokens: MOST_TOKENS };
  const { choices } = (await askJson(gateway, '/v1/chat/completions', body)) as {
    choices: { message: { content: string | null; tool_calls?: { function: Answer['calls'][number] }[] } }[];
  };
  const message = choices[0]?.message;
  return {
    content: message?.content ?? '',
    calls: (message?.tool_calls ?? []).map((call) => call.function),
  };
}
