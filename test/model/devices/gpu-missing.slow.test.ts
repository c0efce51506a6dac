// A missing device is refused at start, through the command line, with one line that says what to do.
import { describe, expect, it } from 'vitest';
import { withoutGpu } from '../../support/engines/software-gpu.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { startProcess } from '../../support/process.ts';

const main = new URL('../../../cli/main.ts', import.meta.url).pathname;

async function refused(args: string[]): Promise<string> {
  const env = { ...process.env, ...withoutGpu };
  const running = startProcess(process.execPath, [main, ...args], { env });
  expect(await running.exit).toEqual({ code: 1, signal: null });
  return running.stderr;
}

const verbs = {
  shard: ['--experts', '0-3', '--port', '0'],
  up: ['--shards', '2', '--port', '0'],
  gateway: ['--shards', '127.0.0.1:1', '--port', '0'],
};

describe.each(Object.keys(verbs) as (keyof typeof verbs)[])('%s', (verb) => {
  it.each([
    ['webgpu', /no|adapter/i, 'install a Vulkan driver'],
    ['cuda', /Failed to load shared library/, "fetch ONNX Runtime's CUDA libraries"],
  ])('--device %s', async (device, reason, advice) => {
    const model = await tinyBundle({ layers: 1, experts: 8 });
    const said = await refused([verb, '--model', model, '--device', device, ...verbs[verb]]);
    const lines = said.split('\n').filter((line) => line.includes(`--device ${device}`));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(reason);
    expect(lines[0]).toContain(advice);
    expect(lines[0]).toContain('docs/devices.md');
    expect(said).not.toMatch(/\n\s+at |Warning|Abort/);
  });
});

it('a bundle of 16 bits is refused with advice to convert it again', async () => {
  const model = await tinyBundle({ layers: 1, experts: 8, bits: 16 });
  const said = await refused(['shard', '--model', model, '--device', 'webgpu', ...verbs.shard]);
  expect(said.trim().split('\n')).toHaveLength(1);
  expect(said).toContain('takes bundles of 4, 6 and 8 bits, not 16: convert with --bits 4, 6 or 8');
});
