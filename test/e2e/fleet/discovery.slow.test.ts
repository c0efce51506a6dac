// A gateway that discovers its shards by a file or by DNS while text streams, and flags that it refuses.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordGoldens } from '../../../model/goldens.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually, type Running, startCli } from '../../support/process.ts';
import { complete, type Gateway, gatewayOf, readiness, stream } from '../gateway.ts';

let model: string;
beforeAll(async () => {
  model = await tinyBundle();
  await recordGoldens(model);
});

async function startShard(experts = '0-95'): Promise<{ shard: Running; address: string }> {
  const flags = ['--model', model, '--experts', experts, '--port', '0', '--log-level', 'warn'];
  const shard = startCli(['shard', ...flags]);
  const [, address = ''] = await shard.says(/shard ready on (\S+): /);
  return { shard, address };
}

function startGateway(...flags: string[]): Promise<Gateway> {
  return gatewayOf(startCli(['gateway', '--model', model, '--port', '0', '--log-level', 'info', ...flags]));
}

/** Reads a whole stream. Throws if it ends in an error. */
async function textOf(gateway: Gateway): Promise<string> {
  let text = '';
  for await (const event of stream(gateway, asked)) {
    if (event.error !== undefined) throw new Error(event.error.message);
    text += event.choices?.[0]?.text ?? '';
  }
  return text;
}

const asked = { prompt: 'It was', max_tokens: 400, temperature: 0, seed: 1 };

describe('a gateway with a file of shards', () => {
  it('moves running streams to other shards when the file changes, without changing a token', async () => {
    const path = join(await tinyFolder(), 'shards.txt');
    const [first, second] = [await startShard(), await startShard()];
    await writeFile(path, `${first.address}\n`);
    const gateway = await startGateway('--shards-file', path);
    await eventually(async () => (await readiness(gateway)).status === 200);
    const undisturbed = await complete(gateway, asked);

    let moved = false;
    const texts: string[] = [];
    // A stream that runs must go on. A new request may be refused with 503 until the new shard is available.
    const isRefusal = (cause: Error) => cause.message.startsWith('503 ');
    const streams = async () => {
      while (!moved) {
        const text = await textOf(gateway).catch((cause: Error) => {
          if (!isRefusal(cause)) throw cause;
        });
        if (text !== undefined) texts.push(text);
      }
    };
    const running = Promise.all([streams(), streams()]);
    await writeFile(path, `# the new one\n${second.address}\n`);
    await gateway.process.says(new RegExp(`\\+${second.address} -${first.address}`));
    await eventually(async () => (await readiness(gateway)).status === 200);
    moved = true;
    await running;
    expect(new Set(texts)).toEqual(new Set([undisturbed.choices[0]?.text]));
    first.shard.signal('SIGKILL'); // no gateway calls it any more
    await first.shard.exit;
    expect((await complete(gateway, asked)).choices[0]?.text).toBe(undisturbed.choices[0]?.text);
  });

  it('finds a shard within 5 s after the file names it', async () => {
    const path = join(await tinyFolder(), 'shards.txt');
    const [low, high] = [await startShard('0-47'), await startShard('48-95')];
    await writeFile(path, `${low.address}\n`);
    const gateway = await startGateway('--shards-file', path);
    expect((await readiness(gateway)).status).toBe(503);
    await writeFile(path, `${low.address}\n${high.address}\n`);
    await eventually(async () => (await readiness(gateway)).status === 200);
  });
});

describe('a gateway with a DNS name of shards', () => {
  it('uses the shards at the addresses of the name', async () => {
    const { address } = await startShard();
    const gateway = await startGateway('--shards-dns', `localhost:${address.split(':').at(-1)}`);
    await eventually(async () => (await readiness(gateway)).status === 200);
    expect((await complete(gateway, { ...asked, max_tokens: 4 })).choices).toHaveLength(1);
  });
});

describe('a gateway refuses', () => {
  it.each([
    ['missing shards', [], 2, '--shards, --shards-dns, --shards-file: one is required'],
    ['two sources of shards', ['--shards', 'a:1', '--shards-dns', 'a:1'], 2, 'they exclude each other'],
    ['an invalid address', ['--shards', 'a'], 2, '"a" is not an address'],
    ['a missing file', ['--shards-file', '/nowhere/shards.txt'], 1, 'there is no directory /nowhere'],
  ] as const)('%s', async (_what, flags, code, message) => {
    const gateway = startCli(['gateway', '--model', model, '--port', '0', ...flags]);
    expect(await gateway.exit).toEqual({ code, signal: null });
    expect(gateway.stderr).toContain(message);
  });
});
