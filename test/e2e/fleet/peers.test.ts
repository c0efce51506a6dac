// Two gateways over the same shards. They forward requests, so that one gateway computes all prompts with a common prefix.
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { eventually, freePort, startCli } from '../../support/process.ts';
import { complete, type Gateway, gatewayOf, post, type StreamEvent, stream } from '../gateway.ts';

let gateways: Gateway[];

beforeAll(async () => {
  const model = await tinyBundle({ context: 1_024 });
  const shard = startCli(['shard', '--model', model, '--experts', '0-95', '--port', '0']);
  const [, address = ''] = await shard.says(/shard ready on (\S+:\d+):/);
  const ports = [await freePort(), await freePort()];
  const peers = ports.map((port) => `127.0.0.1:${port}`).join(',');
  gateways = await Promise.all(
    ports.map((port) => {
      const flags = ['--model', model, '--shards', address, '--peers', peers, '--port', String(port)];
      return gatewayOf(startCli(['gateway', ...flags, '--log-level', 'warn']));
    }),
  );
  for (const gateway of gateways) await eventually(async () => (await post(gateway, asked(0))).ok);
  // Each gateway knows the other after its second GET /peer.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
}, 60_000);

/** Prompts with the same number have a common prefix. */
function asked(number: number, end = 0) {
  const prompt = [...Array<number>(64).fill(10 + number), end];
  return { prompt, max_tokens: 8, temperature: 0, seed: 1, expertgrid: { digests: true } };
}

describe('two gateways that know each other', () => {
  it('give the same answers, and a prefix that one of them has computed is cached for requests to either', async () => {
    const passed = new Set<string | null>();
    // The random ports of the gateways decide which of them has a prompt. Of so few as 8, one in 128 runs forwarded all or none.
    for (let number = 1; number <= 24; number++) {
      const [first, second] = [gateways[number % 2]!, gateways[(number + 1) % 2]!];
      const one = await complete(first, asked(number));
      const answer = await post(second, asked(number));
      passed.add(answer.headers.get('x-expertgrid-gateway'));
      const other = (await answer.json()) as typeof one & {
        usage: { prompt_tokens_details: { cached_tokens: number } };
      };
      expect(other.choices).toEqual(one.choices);
      expect(other.expertgrid.digests).toEqual(one.expertgrid.digests);
      expect(other.usage.prompt_tokens_details.cached_tokens).toBe(64);
    }
    expect(passed.size).toBeGreaterThan(1); // some prompts were forwarded, and others were not
  });

  it('stream an answer that the other gateway computes', async () => {
    for (const number of [1, 2]) {
      const texts = await Promise.all(
        gateways.map(async (gateway) => {
          const events: StreamEvent[] = [];
          for await (const event of stream(gateway, asked(number))) events.push(event);
          return events.map(({ choices }) => choices?.[0]?.text ?? '').join('');
        }),
      );
      expect(texts[0]).toBe(texts[1]);
    }
  });

  it('answer by themselves if the other gateway has ended', async () => {
    const before = await Promise.all([3, 4, 5, 6].map((number) => complete(gateways[0]!, asked(number))));
    gateways[1]!.process.signal('SIGKILL');
    await gateways[1]!.process.exit;
    const after = await Promise.all([3, 4, 5, 6].map((number) => complete(gateways[0]!, asked(number, 1))));
    expect(after.map(({ usage }) => usage.completion_tokens)).toEqual([8, 8, 8, 8]);
    expect(before.length).toBe(4);
  });
});
