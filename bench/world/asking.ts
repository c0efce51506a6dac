// Asks a served model the tasks of the small world, greedy, and counts the right answers.
import { type Answer, type Check, failed, type Task } from './rules.ts';

/** Longest answer in tokens. The longest right answer is a list of about 120. */
const MOST_TOKENS = 300;

export interface Served {
  url: string;
  model: string;
  headers: Readonly<Record<string, string>>;
  /** The field `expertgrid` of each request. */
  expertgrid?: object;
}

/** Share of the tasks that are right, of each kind and of all. */
export interface Shares {
  kinds: Record<string, number>;
  right: number;
}

/** The id of the first model of GET /v1/models. Throws if there is none. */
export async function firstModel({ url, headers }: Pick<Served, 'url' | 'headers'>): Promise<string> {
  const response = await fetch(new URL('/v1/models', url), { headers });
  if (!response.ok) throw new Error(`/v1/models: ${response.status} ${await response.text()}`);
  const [first] = ((await response.json()) as { data: { id: string }[] }).data;
  if (first === undefined) throw new Error(`${url} serves no model. Give one with --model.`);
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

export function sharesOf(tasks: readonly Task[], right: ReadonlySet<string>): Shares {
  const share = (each: readonly Task[]) => each.filter(({ id }) => right.has(id)).length / each.length;
  const kinds = Map.groupBy(tasks, ({ kind }) => kind);
  return {
    kinds: Object.fromEntries([...kinds].map(([kind, each]) => [kind, share(each)])),
    right: share(tasks),
  };
}

async function ask(
  { id, messages, tools }: Task,
  { url, model, headers, expertgrid }: Served,
): Promise<Answer> {
  const body = { model, messages, tools, expertgrid, temperature: 0, max_tokens: MOST_TOKENS };
  const response = await fetch(new URL('/v1/chat/completions', url), {
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
