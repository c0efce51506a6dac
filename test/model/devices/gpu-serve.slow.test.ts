// `up --device webgpu` on a software Vulkan device: attention, head and experts on the GPU device, in one process and over
// shards, through HTTP.
import { beforeAll, expect, it } from 'vitest';
import { complete, startUp } from '../../e2e/gateway.ts';
import { useSoftwareGpu } from '../../support/engines/software-gpu.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

beforeAll(useSoftwareGpu);

async function answer(flags: string[]): Promise<string> {
  const model = await tinyBundle({ layers: 2, experts: 8, seed: 5 });
  const gateway = await startUp(model, ['--device', 'webgpu', ...flags]);
  const body = { prompt: 'It was a fine morning', max_tokens: 12, temperature: 0 };
  const { choices, usage } = await complete(gateway, body);
  expect(usage.completion_tokens).toBe(12);
  gateway.process.signal('SIGTERM');
  expect(await gateway.process.exit).toEqual({ code: 0, signal: null });
  return choices[0]!.text;
}

it('up --device webgpu gives the same text in process and over two shards, and exits cleanly', async () => {
  const inProcess = await answer(['--in-process']);
  expect(inProcess.length).toBeGreaterThan(0);
  expect(await answer(['--shards', '2'])).toBe(inProcess);
});
