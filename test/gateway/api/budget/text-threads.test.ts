import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { runTextJob, type TextJob } from '../../../../gateway/api/budget/text-jobs.ts';
import { TextThreads, type TextThreadsOptions } from '../../../../gateway/api/budget/text-threads.ts';
import { loadTextSide } from '../../../../gateway/api/text/text-side.ts';

const dir = fileURLToPath(new URL('../../../../models/nano', import.meta.url));
const encode = (text: string): TextJob & { type: 'encode' } => ({ type: 'encode', text, addSpecial: true });
/** A text that takes seconds to tokenize. */
const long = encode(' '.repeat(2_000_000));

function open(options: Partial<TextThreadsOptions> = {}): TextThreads {
  const threads = new TextThreads(options);
  onTestFinished(() => threads.close());
  return threads;
}

const asker = (tenant: string, signal = new AbortController().signal) => ({ tenant, signal });

test('a thread gives the same results as the main thread: ids, prompts, and errors of templates', async () => {
  const threads = open();
  const tools = await loadTextSide(dir);
  const messages = [{ role: 'user' as const, content: 'Hi <|end|> there' }];
  const chat = { type: 'chat' as const, tools: false, most: 10_000 };
  const jobs: TextJob[] = [
    encode('The old man went.'),
    { ...chat, conversation: { messages } },
    { ...chat, conversation: { messages }, most: 3 },
    { ...chat, conversation: { messages: [{ role: 'nobody' as 'user', content: 'x' }] } },
  ];
  for (const job of jobs) expect(await threads.run(dir, job, asker('a'))).toEqual(runTextJob(job, tools));
});

test('a tenant is charged for the time of the thread, even if its text is aborted', async () => {
  const threads = open({ deadlineMs: 300 });
  const charged: [string | undefined, number][] = [];
  const onTook = (tenant: string | undefined, ms: number) => charged.push([tenant, ms]);
  await threads.run(dir, encode('The old man went.'), { ...asker('a'), onTook });
  await expect(threads.run(dir, long, { ...asker('b'), onTook })).rejects.toThrow(/was aborted/);
  expect(charged.map(([tenant]) => tenant)).toEqual(['a', 'b']);
  expect(charged[0]?.[1]).toBeGreaterThan(0);
  expect(charged[1]?.[1]).toBeGreaterThanOrEqual(300);
});

test('a short text does not wait for the long texts of another tenant, because no tenant gets all threads', async () => {
  const threads = open({ deadlineMs: 600_000 });
  const waiting = [1, 2, 3].map(() => threads.run(dir, long, asker('many')).catch(() => 'closed'));
  const ended: string[] = [];
  void Promise.race(waiting).then(() => ended.push('many'));
  await threads.run(dir, encode('Hello'), asker('one')).then(() => ended.push('one'));
  expect(ended).toEqual(['one']);
});

test('a text that takes too long is aborted, and the next one is answered', async () => {
  const threads = open({ threads: 1, deadlineMs: 1_000 });
  const given = threads.run(dir, encode(' '.repeat(8_000_000)), asker('a'));
  await expect(given).rejects.toMatchObject({ status: 400, code: 'text_too_costly' });
  expect((await threads.run(dir, encode('Hello'), asker('a'))).length).toBeGreaterThan(0);
});

test('too many texts of one tenant are refused, and texts whose clients left are not begun', async () => {
  const threads = open({ threads: 1, waiting: 2 });
  const first = threads.run(dir, encode('a'), asker('a'));
  const leaving = new AbortController();
  const left = threads.run(dir, encode('b'), asker('a', leaving.signal));
  const last = threads.run(dir, encode('c'), asker('a'));
  const refused = threads.run(dir, encode('d'), asker('a'));
  await expect(refused).rejects.toMatchObject({ status: 429, code: 'too_many_texts' });
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'client_closed' });
  expect([(await first).length, (await last).length]).toEqual([1, 1]);
});
