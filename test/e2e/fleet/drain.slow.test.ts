// Golden checks and drains of shard processes: `expertgrid shard`, `drain` and `golden` as an operator uses them.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordGoldens } from '../../../model/goldens.ts';
import { parseAddress } from '../../../rpc/address.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import { spoilGolden } from '../../support/models/golden-rows.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { childrenOf, eventually, freePort, isFree, type Running, startCli } from '../../support/process.ts';
import { complete, startGateway, startUp, stream } from '../gateway.ts';

let plain: string;
let proven: string;
beforeAll(async () => {
  plain = await tinyBundle();
  proven = await copy(plain);
  await recordGoldens(proven);
});

async function copy(from: string): Promise<string> {
  const to = join(await tinyFolder(), 'tiny');
  await cp(from, to, { recursive: true });
  return to;
}

function startShard(model: string, ...flags: string[]): Running {
  return startCli(['shard', '--model', model, '--port', '0', '--log-level', 'warn', ...flags]);
}

async function addressOf(shard: Running): Promise<string> {
  return (await shard.says(/shard ready on (\S+):/))[1]!.replace(/:$/, '');
}

describe('a shard', () => {
  it('serves if its experts give the golden answers, in the numerics class of the bundle and in another', async () => {
    const shards = [startShard(proven, '--experts', '0-95')];
    shards.push(startShard(proven, '--experts', '0-3', '--device', 'ort-cpu'));
    for (const shard of shards) {
      await addressOf(shard);
      shard.signal('SIGTERM');
      expect(await shard.exit).toEqual({ code: 0, signal: null });
      expect(shard.stdout).not.toContain('golden');
    }
  });

  it('logs that the bundle has no golden rows', async () => {
    const shard = startShard(plain, '--experts', '0');
    await shard.says(
      /has no golden rows, so its experts are not checked; add them with: expertgrid golden --model/,
    );
  });

  it('with a wrong expert does not serve, and names the layer and the expert', async () => {
    const wrong = await copy(proven);
    await spoilGolden(wrong, { layer: 2, expert: 5 });
    const shard = startShard(wrong, '--experts', '2:5,1:0-3');
    expect(await shard.exit).toEqual({ code: 1, signal: null });
    expect(shard.stdout).toBe('');
    expect(shard.stderr).toMatch(
      /^expertgrid: \S+tiny: expert 5 of layer 2 does not give its golden answer: its bits are not .*; this shard does not serve$/m,
    );
  });

  it('leaves service when it finds a wrong expert that its first sample missed', async () => {
    const wrong = await copy(proven);
    await spoilGolden(wrong, { layer: 1, expert: 0 });
    const shard = startShard(wrong, '--experts', '0-95', '--check-every', '2');
    await addressOf(shard);
    expect(await shard.exit).toEqual({ code: 1, signal: null });
    expect(shard.stderr).toContain('expert 0 of layer 1 does not give its golden answer');
    expect(shard.stderr).toContain('leaving service');
  });
});

describe('expertgrid drain', () => {
  it('drains a shard without losing or changing a token of a running stream if other shards hold its experts', async () => {
    const experts = ['--experts', '0-95'];
    const shards = [startShard(proven, ...experts), startShard(proven, ...experts)];
    const addresses = await Promise.all(shards.map(addressOf));
    const gateway = await startGateway(proven, addresses);
    // A gateway says that it is ready before it has validated its shards.
    await eventually(async () => (await fetch(`${gateway.url}/health/ready`)).ok);
    const asked = { prompt: 'It was', max_tokens: 300, temperature: 0, seed: 1 };
    const undisturbed = await complete(gateway, asked);
    let text = '';
    let seen = 0;
    let drain: Running | undefined;
    for await (const event of stream(gateway, asked)) {
      expect(event.error).toBeUndefined();
      text += event.choices?.[0]?.text ?? '';
      if (++seen === 3) drain = startCli(['drain', addresses[0]!]);
    }
    expect(text).toBe(undisturbed.choices[0]?.text);
    expect(await drain?.exit).toEqual({ code: 0, signal: null });
    expect(drain?.stdout).toBe(`safe to delete ${addresses[0]}\n`);
    expect(await shards[0]?.exit).toEqual({ code: 0, signal: null });
    expect(shards[0]?.stdout.trim().split('\n').at(-1)).toBe(`safe to delete ${addresses[0]}`);
    expect((await complete(gateway, asked)).choices[0]?.text).toBe(undisturbed.choices[0]?.text);
  });

  it('frees the port of the shard, and so does SIGTERM', async () => {
    const port = await freePort();
    for (const leave of ['drain', 'SIGTERM'] as const) {
      const shard = startCli(['shard', '--model', proven, '--experts', '0-3', '--port', `${port}`]);
      const address = await addressOf(shard);
      expect(address).toBe(`127.0.0.1:${port}`);
      if (leave === 'SIGTERM') shard.signal(leave);
      else expect(await startCli(['drain', address]).exit).toEqual({ code: 0, signal: null });
      expect(await eventually(() => isFree(port))).toBe(true);
      expect(await shard.exit).toEqual({ code: 0, signal: null });
      expect(shard.stdout).toMatch(/safe to delete \S+\n$/);
    }
  });

  it('needs --force for a shard of up, whose experts no other shard holds, and up does not restart it', async () => {
    const up = await startUp(proven, ['--shards', '2']);
    const response = await fetch(`${up.url}/v1/shards`);
    const { data } = (await response.json()) as { data: { address: string }[] };
    const [address = ''] = data.map((shard) => shard.address);
    const refused = startCli(['drain', address]);
    expect(await refused.exit).toEqual({ code: 1, signal: null });
    expect(refused.stdout).toBe('');
    expect(refused.stderr).toMatch(
      /^expertgrid: \S+ is not drained: no other shard serves layers 0-\d+: experts 0-47\nRun the command again with --force.*\n$/,
    );
    const asked = await fetch(`${up.url}/v1/shards/drain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address }),
    });
    const { error } = (await asked.json()) as { error: { code: string; message: string } };
    expect([asked.status, error.code]).toEqual([409, 'only_holder']);
    expect(error.message).toMatch(/no other shard serves layers 0-\d+: experts 0-47/);
    expect((await complete(up, { prompt: 'It was', max_tokens: 1 })).choices).toHaveLength(1);
    expect(await startCli(['drain', address, '--force']).exit).toEqual({ code: 0, signal: null });
    await up.process.says(/shard was drained; it is not restarted/);
    expect(childrenOf(up.process.pid).length).toBe(1);
    up.process.signal('SIGTERM');
    expect(await up.process.exit).toEqual({ code: 0, signal: null });
  });

  it('is refused to a client whose hello has the role of a gateway', async () => {
    const shard = startShard(proven, '--experts', '0-3');
    const hello = { protocol: 1, role: 'gateway', version: 'test' };
    const transport = await openSocketTransport(parseAddress(await addressOf(shard)), { hello });
    const refused = transport.call('shard.drain', {}, { deadlineMs: 60_000 });
    await expect(refused).rejects.toMatchObject({ code: 'unproven' });
    transport.close();
  });

  it('needs the secret of the shard', async () => {
    const folder = await tinyFolder();
    const [ours, other] = [join(folder, 'ours'), join(folder, 'other')];
    await writeFile(ours, 'a secret of 30 bytes for tests', { mode: 0o600 });
    await writeFile(other, 'another secret of enough bytes', { mode: 0o600 });
    const shard = startShard(proven, '--experts', '0-3', '--secret-file', ours);
    const address = await addressOf(shard);
    for (const flags of [[], ['--secret-file', other]]) {
      const refused = startCli(['drain', address, ...flags]);
      expect(await refused.exit).toEqual({ code: 1, signal: null });
      expect(refused.stderr).toMatch(/^expertgrid: \S+ is not drained: .*secret.*\n$/);
    }
    const drain = startCli(['drain', address, '--secret-file', ours]);
    expect({ ...(await drain.exit), stderr: drain.stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(await shard.exit).toEqual({ code: 0, signal: null });
  });

  it('prints one line if no shard answers or if the address is invalid', async () => {
    const port = await freePort();
    const nobody = startCli(['drain', `127.0.0.1:${port}`]);
    expect(await nobody.exit).toEqual({ code: 1, signal: null });
    expect(nobody.stderr).toMatch(
      /^expertgrid: 127\.0\.0\.1:\d+ is not drained: cannot connect to .*ECONNREFUSED.*\n$/,
    );
    const misspelt = startCli(['drain', 'shard']);
    expect(await misspelt.exit).toEqual({ code: 2, signal: null });
    expect(misspelt.stderr).toContain('"shard" is not an address; write host:port');
  });
});

describe('expertgrid golden', () => {
  it('adds golden rows to a bundle, and a shard then checks its experts against these rows', async () => {
    const at = await copy(plain);
    const golden = startCli(['golden', '--model', at]);
    expect(await golden.exit).toEqual({ code: 0, signal: null });
    expect(golden.stdout).toMatch(/tiny: \d+ kB of golden rows in 0:\d\d, by \S+\n$/);
    expect(golden.stderr).toContain('golden answers 100 %');
    const manifest = await readFile(join(at, 'bundle.json'), 'utf8');
    expect(manifest).toContain('"goldenRows"');
  });

  it('says that the bundle is unchanged if it is interrupted', async () => {
    const at = await copy(plain);
    const before = await readFile(join(at, 'bundle.json'), 'utf8');
    const golden = startCli(['golden', '--model', at, '--device', 'ort-cpu']);
    await golden.says(/golden answers \d+ %/);
    golden.signal('SIGINT');
    expect(await golden.exit).toEqual({ code: 130, signal: null });
    expect(golden.stderr).toContain('stopped; the bundle is unchanged\n');
    expect(await readFile(join(at, 'bundle.json'), 'utf8')).toBe(before);
  });
});
