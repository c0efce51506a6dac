// One API key requests constraints that are made to be expensive, while another key runs streams, over HTTP. The
// streams must hardly be slowed, every answer must end, and the process must keep running.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { nano } from '../../support/models/nano.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { type Gateway, startUp } from '../gateway.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');
let gateway: Gateway;
const key: Record<string, string> = {};

beforeAll(async () => {
  const file = join(await tinyFolder(), 'keys');
  for (const name of ['honest', 'hostile']) {
    const args = [main, 'key', 'create', name, '--file', file];
    key[name] = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: 'pipe' }).trim();
  }
  gateway = await startUp(nano, ['--in-process', '--api-keys', file]);
}, 120_000);

function ask(name: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key[name]}` },
    body: JSON.stringify({ model: gateway.model, prompt: 'The ship', ...body }),
    ...(signal && { signal }),
  });
}

const named = (count: number, held: (i: number) => unknown) => {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, held(i)]));
};
const forms: readonly (readonly [object, number])[] = [
  ...[58, 59, 60].map((most) => [{ guided_grammar: `root ::= ([abc]{1,${most}}){1,60}` }, 200] as const),
  [{ guided_grammar: 'root ::= ([a-z ]{1,40} "."?){1,60}' }, 200],
  [{ guided_grammar: `root ::= "a"${'?'.repeat(9000)} "b"` }, 200],
  [{ guided_grammar: 'root ::= s\ns ::= [a-z] s? s? s? "."?' }, 400],
  [
    {
      guided_json: {
        $ref: '#/$defs/p0',
        $defs: { ...named(600, (i) => ({ $ref: `#/$defs/p${i + 1}` })), p600: {} },
      },
    },
    400,
  ],
  [{ guided_json: { not: { enum: Array.from({ length: 900 }, (_, i) => [i, { a: i }]) } } }, 400],
  [{ guided_regex: '(a?){500}b' }, 200],
];

it('the streams of an honest key continue beside expensive constraints, and every answer of both keys ends', async () => {
  const leaving = new AbortController();
  const ended = await Promise.all(
    Array.from({ length: 8 }, async (_, seed) => {
      const response = await ask(
        'honest',
        { stream: true, max_tokens: 300, ignore_eos: true, seed },
        leaving.signal,
      );
      const text = await response.text();
      return [response.status, text.includes('"finish_reason":"length"'), text.endsWith('data: [DONE]\n\n')];
    }).concat(
      forms.map(async ([form, status]) => {
        const response = await ask('hostile', { ...form, max_tokens: 60, temperature: 1 });
        const { error } = (await response.json()) as { error?: { message: string; type: string } };
        expect([JSON.stringify(form).slice(0, 80), response.status, error?.type]).toEqual([
          JSON.stringify(form).slice(0, 80),
          status,
          status === 200 ? undefined : 'invalid_request_error',
        ]);
        return [200, true, true];
      }),
    ),
  );
  expect(ended).toEqual(ended.map(() => [200, true, true]));
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
}, 240_000);
