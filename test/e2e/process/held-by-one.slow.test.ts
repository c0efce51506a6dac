// A gateway or shard whose disk fills up or whose model files are truncated while it runs, as real processes.
import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { childrenOf, eventually, startProcess } from '../../support/process.ts';
import { complete, gatewayOf, post, scrape, startUp } from '../gateway.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');
const ask = { prompt: 'a', max_tokens: 2 };

describe('a usage log on a full disk', () => {
  /** A gateway whose files may have at most 1,024 bytes (`ulimit -f`). A write beyond that fails as on a full disk. */
  async function start(...flags: string[]) {
    const usage = join(await tinyFolder(), 'usage.jsonl');
    const command = `trap '' XFSZ; ulimit -f 1; exec "$0" "$@"`;
    const args = [
      'up',
      '--in-process',
      '--port',
      '0',
      '--model',
      await tinyBundle(),
      '--usage-log',
      usage,
      ...flags,
    ];
    return {
      gateway: await gatewayOf(startProcess('bash', ['-c', command, process.execPath, main, ...args])),
      usage,
    };
  }

  it('keeps lines in memory, warns in /metrics and /health/ready, and logs at exit how many were lost', async () => {
    const { gateway, usage } = await start();
    for (let i = 0; i < 12; i++) await complete(gateway, ask);
    const written = (await readFile(usage, 'utf8')).split('\n').length - 1;
    const metrics = await scrape(gateway.url);
    const waiting = metrics.get('expertgrid_usage_lines_waiting') ?? Number.NaN;
    expect(waiting).toBeGreaterThan(0);
    expect(written + waiting).toBe(12);
    expect(metrics.get('expertgrid_warning{what="usage_log"}')).toBe(1);
    const ready = await fetch(`${gateway.url}/health/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { warnings: [{ what: 'usage_log' }] }]);
    gateway.process.signal('SIGTERM');
    expect(await gateway.process.exit).toEqual({ code: 0, signal: null });
    expect(gateway.process.stderr).toContain(`${waiting} lines of usage were lost`);
  });

  it('answers 503 under --usage-log-required until the log can be written again', async () => {
    const { gateway, usage } = await start('--usage-log-required');
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push((await post(gateway, ask)).status);
    const answered = statuses.filter((status) => status === 200).length;
    expect(statuses).toEqual([...Array(answered).fill(200), ...Array(12 - answered).fill(503)]);
    // The request that found the disk full was answered, and its line waits in memory.
    await truncate(usage, 0);
    await eventually(async () => (await post(gateway, ask)).status === 200);
  });
});

describe('a bundle file that is truncated while it is in use', () => {
  const named = (file: string) =>
    new RegExp(`^expertgrid: .*${file}: was cut short or replaced .*SIGBUS`, 'm');

  it('ends the shard with an error that names the file, and up logs why', async () => {
    const model = await tinyBundle({ layers: 2 });
    const up = await startUp(model, ['--shards', '2', '--patience', '100', '--call-deadline', '500']);
    await complete(up, ask);
    await truncate(join(model, 'experts-00001.safetensors'), 4096);
    await post(up, ask);
    // Either the run of an expert or the thread that reads ahead finds the truncation first.
    await up.process.says(/experts-00001\.safetensors: (was cut short or replaced .*SIGBUS|ends at byte)/);
    await up.process.says(/shard (was ended by SIGBUS: a file of its model was truncated|exited with 1)/);
    // When the shard starts again, it first checks the sizes of its files.
    await up.process.says(
      /experts-00001.safetensors: has 4096 bytes, bundle.json says \d+: truncated or replaced/,
    );
  });

  it('ends the gateway with an error that names the file', async () => {
    const model = await tinyBundle({ layers: 1 });
    const up = await startUp(model, ['--shards', '1']);
    const shards = childrenOf(up.process.pid);
    expect(shards).toHaveLength(1);
    await complete(up, ask);
    await truncate(join(model, 'dense.safetensors'), 4096);
    await post(up, ask).catch(() => {}); // the gateway ends, which breaks the connection
    expect(await up.process.exit).toEqual({ code: null, signal: 'SIGBUS' });
    expect(up.process.stderr).toMatch(named('dense.safetensors'));
  });
});
