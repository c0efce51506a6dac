// A checkpoint that `expertgrid grow --width --noise 0` has written is served with the log-probabilities of its source.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { startCli } from '../../support/process.ts';
import { complete, startUp } from '../gateway.ts';

async function run(...args: string[]): Promise<void> {
  const process = startCli(args);
  expect(await process.exit, process.stderr).toEqual({ code: 0, signal: null });
}

interface Logprobs {
  tokens: string[];
  top_logprobs: Record<string, number>[];
}

/** Greedy tokens with the log-probabilities of the best at each position. */
async function answerOf(checkpoint: string): Promise<Logprobs> {
  const bundle = `${checkpoint}-32bit`;
  await run('convert', '--from', checkpoint, '--to', bundle, '--bits', '32');
  const gateway = await startUp(bundle, ['--in-process']);
  const body = { prompt: 'A fox found a lantern', max_tokens: 24, temperature: 0, logprobs: 5 };
  const { choices } = await complete(gateway, body);
  gateway.process.signal('SIGTERM');
  await gateway.process.exit;
  return choices[0]?.logprobs as Logprobs;
}

it.each(['softmax', 'sigmoid'] as const)('with raw weights of %s', async (score) => {
  const folder = await tinyFolder();
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  await writeCheckpoint(from, { layers: 3, experts: 6, k: 2, score });
  await run('grow', '--from', from, '--to', to, '--width', '--noise', '0');
  const [before, after] = [await answerOf(from), await answerOf(to)];
  expect(after.tokens).toEqual(before.tokens);
  expect(before.top_logprobs).toHaveLength(24);
  for (const [i, best] of before.top_logprobs.entries()) {
    for (const [token, logprob] of Object.entries(best)) {
      expect(Math.abs(after.top_logprobs[i]![token]! - logprob)).toBeLessThan(1e-5);
    }
  }
});
