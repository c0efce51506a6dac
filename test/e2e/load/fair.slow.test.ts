// Prompts that one API key has cached: usage and response times reveal nothing about them to another key.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { type Gateway, startUp } from '../gateway.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');
const ROUNDS = 9;
const LENGTH = 1_500;
let gateway: Gateway;
const key: Record<string, string> = {};

beforeAll(async () => {
  // The model has so many layers that computing the prompt takes longer than the rest of a request.
  const bundle = await tinyBundle({ layers: 16, experts: 16, context: 2048 });
  const file = join(await tinyFolder(), 'keys');
  for (const name of ['alice', 'bob']) {
    const args = [main, 'key', 'create', name, '--file', file];
    key[name] = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: 'pipe' }).trim();
  }
  gateway = await startUp(bundle, ['--in-process', '--api-keys', file]);
}, 60_000);

/** Generates one token after the prompt. Returns the number of cached tokens and the milliseconds until the token came. */
async function ask(name: string, prompt: readonly number[]): Promise<{ cached: number; ms: number }> {
  const askedAt = performance.now();
  const response = await fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key[name]}` },
    body: JSON.stringify({ model: gateway.model, prompt, max_tokens: 1 }),
  });
  const body = (await response.json()) as { usage: { prompt_tokens_details: { cached_tokens: number } } };
  return { cached: body.usage.prompt_tokens_details.cached_tokens, ms: performance.now() - askedAt };
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

it('a prompt that another key has computed counts as new: no cached tokens, and the same time to first token', async () => {
  let prompts = 0;
  const fresh = () => {
    const salt = ++prompts;
    return Array.from({ length: LENGTH }, (_, i) => (salt * 7 + i * (salt + 3)) % 250);
  };
  await ask('bob', fresh()); // compiles the code
  const ms = { own: [] as number[], others: [] as number[], fresh: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    const prompt = fresh();
    await ask('alice', prompt);
    const own = await ask('alice', prompt);
    const asked = [() => ask('bob', prompt), () => ask('bob', fresh())];
    const [first, second] = [await asked[round % 2]!(), await asked[(round + 1) % 2]!()];
    const [others, never] = round % 2 === 0 ? [first, second] : [second, first];
    expect(own.cached).toBeGreaterThan(LENGTH - 64);
    expect([others.cached, never.cached]).toEqual([0, 0]);
    ms.own.push(own.ms);
    ms.others.push(others.ms);
    ms.fresh.push(never.ms);
  }
  expect(median(ms.others.map((each, i) => each / ms.fresh[i]!))).toBeGreaterThan(0.7);
  // For comparison: the same key finds its own prompt cached.
  expect(median(ms.own)).toBeLessThan(0.5 * median(ms.fresh));
}, 60_000);
