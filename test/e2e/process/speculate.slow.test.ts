// Drafts as a user sees them: on by default, off with --no-speculate, and the same text with both.
import { expect, it } from 'vitest';
import { nano } from '../../support/models/nano.ts';
import { complete, engineCounter, startUp } from '../gateway.ts';

it('verifies drafts of a text that repeats itself, unless --no-speculate is given', async () => {
  const prompt = 'One two three four five six seven eight. '.repeat(12);
  const told = [];
  for (const flags of [[], ['--no-speculate']]) {
    const up = await startUp(nano, ['--in-process', '--threads', '1', ...flags]);
    const answer = await complete(up, { prompt, max_tokens: 200, temperature: 0 });
    told.push({ text: answer.choices[0]?.text, drafts: await engineCounter(up, 'guessed_tokens') });
    up.process.signal('SIGTERM');
    expect((await up.process.exit).code).toBe(0);
  }
  const [drafting, plain] = told;
  expect(drafting?.text).toBe(plain?.text);
  expect(drafting?.drafts).toBeGreaterThan(0);
  expect(plain?.drafts).toBe(0);
});
