// The packed tarball in an empty folder, as one who installs it has it: help, and the embedded model served.
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { eventually, processes, startProcess } from '../support/process.ts';
import { tinyFolder } from '../support/tiny-bundle.ts';
import { complete, gatewayOf } from './gateway.ts';

const root = join(import.meta.dirname, '..', '..');

/** Of a shell that was not opened by npm, so that nothing of this checkout is found by chance. */
function shellEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|VITEST|NODE_)/i.test(name));
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  // The runtime's own install step fetches libraries for CUDA, which a machine without it does not need.
  return { ...Object.fromEntries(own), PATH: path.join(delimiter), ONNXRUNTIME_NODE_INSTALL: 'skip' };
}

const start = (cwd: string, file: string, ...args: string[]) =>
  startProcess(file, args, { cwd, env: shellEnvironment(), group: true });

/** Its standard output; throws where it fails. */
async function run(cwd: string, file: string, ...args: string[]): Promise<string> {
  const started = start(cwd, file, ...args);
  const { code } = await started.exit;
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} exited with ${code}: ${started.stderr}`);
  return started.stdout;
}

let folder: string;
beforeAll(async () => {
  folder = await tinyFolder();
  await run(root, 'npm', 'pack', '--silent', '--pack-destination', folder);
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  await run(folder, 'sh', '-c', 'npm install --prefer-offline --no-audit ./expertgrid-*.tgz');
}, 300_000);

it('shows its help', async () => {
  const help = await run(folder, 'npx', 'expertgrid', '--help');
  for (const verb of ['up', 'gateway', 'shard', 'convert', 'synth'])
    expect(help).toMatch(new RegExp(`^  ${verb} `, 'm'));
});

it('serves the embedded model, and ends on Ctrl-C', async () => {
  const up = start(folder, 'npx', 'expertgrid', 'up', '--port', '0', '--log-level', 'warn');
  const gateway = await gatewayOf(up);
  expect(gateway.model).toBe('nano');
  const { choices, usage } = await complete(gateway, {
    prompt: 'It was a fine morning, and',
    max_tokens: 16,
  });
  expect(usage.completion_tokens).toBe(16);
  expect(choices[0]?.text).toMatch(/[a-z]{2,} [a-z]{2,}/i);

  for (const path of ['/console', '/docs', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css'])
    expect([path, (await fetch(gateway.url + path)).status]).toEqual([path, 200]);

  const ours = () => processes().filter(({ command }) => command.includes(join(folder, 'node_modules')));
  expect(ours().filter(({ command }) => / shard /.test(command)).length).toBe(4);
  up.signal('SIGINT');
  await up.exit;
  await eventually(() => ours().length === 0);
});
