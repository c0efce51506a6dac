// A conversation and its commands, without a gateway.
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { summaryLine } from '../../../cli/chat/answer.ts';
import { runCommand } from '../../../cli/chat/commands.ts';
import { type ChatSettings, Conversation } from '../../../cli/chat/conversation.ts';
import { historyPath, readHistory, writeHistory } from '../../../cli/chat/history.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chat-'));
});
afterEach(() => rm(folder, { recursive: true }));

const talk = (settings: ChatSettings = {}, system?: string) =>
  new Conversation({ model: 'nano', system, settings });
const client = { models: async () => ['nano', 'other'] };

test('a request contains the system message and all earlier messages', () => {
  const conversation = talk({ temperature: 0.5 }, 'Be brief.');
  conversation.ask('one');
  conversation.answered('1');
  expect(conversation.ask('two')).toEqual({
    model: 'nano',
    temperature: 0.5,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'one' },
      { role: 'assistant', content: '1' },
      { role: 'user', content: 'two' },
    ],
  });
});

test('a question without an answer is not in the messages, but can be asked again', () => {
  const conversation = talk();
  conversation.ask('lost');
  expect(conversation.messages).toEqual([]);
  expect(conversation.askAgain()?.messages).toEqual([{ role: 'user', content: 'lost' }]);
  expect(conversation.ask('next').messages).toEqual([{ role: 'user', content: 'next' }]);
});

test('askAgain replaces the last answer and increases the seed', () => {
  const conversation = talk({ seed: 7 });
  expect(conversation.askAgain()).toBeUndefined();
  expect(conversation.ask('why?').seed).toBe(7);
  conversation.answered('because');
  expect(conversation.askAgain()).toMatchObject({ seed: 8, messages: [{ content: 'why?' }] });
  conversation.answered('for that');
  expect(conversation.askAgain()?.seed).toBe(9);
  conversation.answered('so');
  expect(conversation.messages.map(({ content }) => content)).toEqual(['why?', 'so']);
  expect(conversation.ask('how?').seed).toBe(7);
});

test('/clear removes the messages and keeps the system message', async () => {
  const conversation = talk({}, 'Be brief.');
  conversation.ask('one');
  conversation.answered('1');
  await runCommand('clear', '', { conversation, client });
  expect(conversation.messages).toEqual([{ role: 'system', content: 'Be brief.' }]);
});

test('/system shows, sets and removes the system message', async () => {
  const conversation = talk();
  const says = async (rest: string) => (await runCommand('system', rest, { conversation, client })).says;
  expect(await says('')).toBe('no system message');
  expect(await says('Be kind.')).toBe('system: Be kind.');
  expect(conversation.messages).toEqual([{ role: 'system', content: 'Be kind.' }]);
  expect(await says('-')).toBe('no system message');
});

test('/model switches to a model of the gateway, and refuses other ids', async () => {
  const conversation = talk();
  const context = { conversation, client };
  await expect(runCommand('model', 'none', context)).rejects.toThrow(
    'no model "none"; the gateway has nano, other',
  );
  expect((await runCommand('model', 'other', context)).says).toBe('  nano\n* other');
  expect(conversation.ask('x').model).toBe('other');
});

test('/save writes a valid request body, and refuses to overwrite a file', async () => {
  const conversation = talk();
  conversation.ask('one');
  conversation.answered('1');
  const file = join(folder, 'talk.json');
  const saved = await runCommand('save', file, { conversation, client });
  expect(saved.says).toBe(`2 messages in ${file}`);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
    model: 'nano',
    messages: conversation.messages,
  });
  await expect(runCommand('save', file, { conversation, client })).rejects.toThrow('exists already');
  await expect(runCommand('save', '', { conversation, client })).rejects.toThrow('give the name of a file');
});

test('/help lists every command, and an unknown command is refused', async () => {
  const context = { conversation: talk(), client };
  const { says } = await runCommand('help', '', context);
  for (const name of ['help', 'clear', 'system', 'model', 'retry', 'save', 'exit']) {
    expect(says).toContain(`/${name} `);
  }
  for (const name of ['nope', 'toString', '']) {
    await expect(runCommand(name, '', context)).rejects.toThrow(`there is no command /${name};`);
  }
});

test('summaryLine has the number of tokens, their rate, and why the answer ended', () => {
  const summary = { text: '', tokens: 11, degradedHops: 0, reason: 'stop', firstMs: 100, lastMs: 600 };
  expect(summaryLine(summary)).toBe('11 tokens, 20.0 tokens/s, first after 100 ms');
  expect(summaryLine({ ...summary, tokens: 1, lastMs: 100 })).toBe('1 token, first after 100 ms');
  expect(summaryLine({ ...summary, reason: undefined, degradedHops: 3 })).toBe(
    '11 tokens, 20.0 tokens/s, first after 100 ms, 3 experts replaced by a substitute, stopped',
  );
  expect(summaryLine({ ...summary, tokens: 0, firstMs: undefined, reason: 'length' })).toBe(
    '0 tokens, cut at --max-tokens or the end of the context',
  );
});

test('the history file has the newest 1,000 lines and is readable only by the user', async () => {
  const path = historyPath({ XDG_STATE_HOME: folder });
  expect(path).toBe(join(folder, 'expertgrid', 'chat-history'));
  expect(historyPath({ XDG_STATE_HOME: 'relative' })).not.toContain('relative');
  expect(readHistory(path)).toEqual([]);
  writeHistory(path, ['second', 'first']);
  expect(await readFile(path, 'utf8')).toBe('first\nsecond\n');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(readHistory(path)).toEqual(['second', 'first']);
  writeHistory(
    path,
    Array.from({ length: 1_200 }, (_, i) => `line ${i}`),
  );
  expect(readHistory(path)).toHaveLength(1_000);
  expect(readHistory(path)[0]).toBe('line 0');
});
