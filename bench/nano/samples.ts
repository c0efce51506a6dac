// Prints what a served model answers to every tenth of the 200 tasks, or to all of another file, as Markdown: `node bench/nano/samples.ts
// [--url http://127.0.0.1:8080] [--tasks FILE] > train/logs/samples.md`. Greedy.
import OpenAI from 'openai';
import { readFlags } from '../flags.ts';
import { readTasks } from '../world/asking.ts';
import type { Task } from '../world/rules.ts';

const EVERY = 10;

type Asked = Pick<Task, 'tools'> & { messages: OpenAI.ChatCompletionMessageParam[] };

const flags = readFlags({ url: 'http://127.0.0.1:8080', tasks: undefined });
const tasks = (await readTasks(flags.tasks)) as Asked[];
const asked = flags.tasks === undefined ? tasks.filter((_, i) => i % EVERY === 0) : tasks;
const client = new OpenAI({ baseURL: `${flags.url}/v1`, apiKey: 'none' });
const { id: model } = (await client.models.list()).data[0]!;

console.log('```text');
for (const { messages, tools } of asked) {
  const { choices } = await client.chat.completions.create({
    ...{ model, messages, temperature: 0, max_tokens: 300 },
    ...(tools && { tools: tools as OpenAI.ChatCompletionTool[] }),
  });
  const { content, tool_calls: calls } = choices[0]!.message;
  const answer = content || JSON.stringify(calls?.map((call) => 'function' in call && call.function));
  for (const { role, content: said } of messages) console.log(quoted(role, String(said)));
  console.log(`${quoted('nano', answer)}\n`);
}
console.log('```');

function quoted(who: string, text: string): string {
  return `${who}: ${text.replaceAll('\n', '\n  ')}`;
}
