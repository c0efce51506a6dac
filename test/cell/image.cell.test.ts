// The image of gateways, shards and edges: what is in it, how it runs, how it ends, and whether it can be built again.
import { randomBytes } from 'node:crypto';
import { expect, inject, it } from 'vitest';
import { post } from '../../bench/http.ts';
import { afterFile } from '../support/after-file.ts';
import { eventually } from '../support/process.ts';
import { buildImage } from './image.ts';
import { labelOf, podman, removeAll } from './podman.ts';

const image = inject('image');
const runName = inject('runName');
afterFile(async () => removeAll(runName));

const MOST_BYTES = 350e6;
const HARDENED = [
  '--read-only',
  '--read-only-tmpfs=false',
  '--cap-drop',
  'all',
  '--security-opt',
  'no-new-privileges',
];
const COMPILERS = ['cc', 'gcc', 'g++', 'c++', 'clang', 'tcc', 'as', 'ld', 'make', 'cmake', 'rustc', 'go'];

interface Inspected {
  Id: string;
  Size: number;
  Config: { User: string; StopSignal: string; Entrypoint: string[] };
  RootFS: { Layers: string[] };
}

async function inspect(name: string): Promise<Inspected> {
  const [found] = JSON.parse(await podman('image', 'inspect', name)) as Inspected[];
  if (found === undefined) throw new Error(`podman says nothing about ${name}`);
  return found;
}

function sh(script: string): Promise<string> {
  return podman(
    'run',
    '--rm',
    '--label',
    labelOf(runName),
    ...HARDENED,
    '--entrypoint',
    'sh',
    image,
    '-c',
    script,
  );
}

it('takes less than 350 MB, its process is not root, and SIGTERM ends it', async () => {
  const { Size, Config } = await inspect(image);
  console.log(`the image takes ${(Size / 1e6).toFixed(0)} MB`);
  expect(Size).toBeLessThan(MOST_BYTES);
  expect(Config).toMatchObject({ User: '10001:10001', StopSignal: 'SIGTERM' });
});

it('has no compiler', async () => {
  expect(
    await sh(`command -v sh; for each in ${COMPILERS.join(' ')}; do command -v $each; done; true`),
  ).toMatch(/^\S*\bsh$/);
});

it('serves with a read-only root file system and without capabilities, and SIGTERM waits for the end of a stream', async () => {
  const name = `eg-${runName}-image`;
  const args = ['up', '--in-process', '--host', '0.0.0.0', '--port', '8080', '--grace', '40'];
  await podman('network', 'create', '--label', labelOf(runName), name);
  const where = ['--network', name, '--label', labelOf(runName), '--name', name];
  await podman(
    'run',
    '--detach',
    ...where,
    ...HARDENED,
    '--memory',
    '1g',
    '--memory-swap',
    '1g',
    image,
    ...args,
  );
  const address = await podman(
    'inspect',
    name,
    '--format',
    '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
  );
  const url = new URL(`http://${address}:8080/v1/completions`);
  await eventually(async () => (await fetch(new URL('/health/ready', url)).catch(() => undefined))?.ok);

  const status = await podman('exec', name, 'cat', '/proc/1/status');
  expect(status).toMatch(/^Uid:\t10001\t10001/m);
  expect(status).toMatch(/^Cap(Prm|Eff|Bnd):\t0{16}$/m);
  await expect(podman('exec', name, 'touch', '/opt/expertgrid/file')).rejects.toThrow(
    /Read-only file system/,
  );

  const body = {
    model: 'nano',
    prompt: 'The old man',
    max_tokens: 900,
    temperature: 0,
    ignore_eos: true,
    stream: true,
  };
  const response = await post(url, body);
  let ended: Promise<string> | undefined;
  let text = '';
  let refusedAt = 0;
  const refuses = async () => (await fetch(new URL('/health/ready', url))).status === 503;
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (eventsIn(text) < 20 || ended !== undefined) continue;
    ended = podman('stop', '--time', '40', name);
    await eventually(refuses);
    refusedAt = eventsIn(text);
  }
  await ended;
  // The stream went on after the process had begun to refuse requests.
  expect(refusedAt).toBeGreaterThan(0);
  expect(eventsIn(text)).toBeGreaterThan(refusedAt);
  expect(text.trimEnd()).toMatch(/data: \[DONE\]$/);
  expect(text).not.toContain('"error"');
  expect(await podman('inspect', name, '--format', '{{.State.Status}} {{.State.ExitCode}}')).toBe('exited 0');
});

// Files that are changed meanwhile, documents too, make this fail.
it('has the same layers if the checkout is packed, installed and built again', async () => {
  const again = `localhost/expertgrid:test-${runName}${randomBytes(2).toString('hex')}`;
  await buildImage([again]);
  try {
    const [first, second] = [await inspect(image), await inspect(again)];
    expect(second.RootFS.Layers).toEqual(first.RootFS.Layers);
    expect(second.Id).toBe(first.Id);
  } finally {
    await podman('rmi', again);
  }
}, 300_000);

function eventsIn(text: string): number {
  return text.match(/^data: /gm)?.length ?? 0;
}
