// Installs the packed tarball into an empty folder, as a user does: with all optional packages and with none.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually, processes, type Running, startProcess } from '../../support/process.ts';
import { type Completion, complete, gatewayOf, post } from '../gateway.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** Environment of a shell outside npm, so that commands do not find anything of this checkout. */
function shellEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD$|VITEST|NODE_|ONNXRUNTIME)/i.test(name),
  );
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return { ...Object.fromEntries(own), PATH: path.join(delimiter) };
}

/** The same environment with the Node that runs the tests. */
function newNode(): NodeJS.ProcessEnv {
  const env = shellEnvironment();
  return { ...env, PATH: [dirname(process.execPath), env.PATH].join(delimiter) };
}

interface Shell {
  cwd: string;
  env: NodeJS.ProcessEnv;
}

const start = (shell: Shell, file: string, ...args: string[]) =>
  startProcess(file, args, { ...shell, group: true });

/** Runs a command. Rejects if it fails. */
async function run(shell: Shell, file: string, ...args: string[]): Promise<Running> {
  const started = start(shell, file, ...args);
  const { code } = await started.exit;
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} exited with ${code}: ${started.stderr}`);
  return started;
}

/** Runs a command that must end with exit code 1. Returns its standard error, which must be one line. */
async function refusal(shell: Shell, ...args: string[]): Promise<string> {
  const started = start(shell, 'npx', 'expertgrid', ...args);
  expect((await started.exit).code).toBe(1);
  const lines = started.stderr.trim().split('\n');
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

async function install(
  folder: string,
  env: NodeJS.ProcessEnv,
  flags: string,
): Promise<Shell & { said: string }> {
  const cwd = join(folder, flags === '' ? 'all' : 'lean');
  await mkdir(cwd);
  await writeFile(join(cwd, 'package.json'), '{ "private": true }');
  const shell = { cwd, env };
  const command = `npm install --prefer-offline --no-audit ${flags} ../expertgrid-*.tgz`;
  const { stdout, stderr } = await run(shell, 'sh', '-c', command);
  return { ...shell, said: stdout + stderr };
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

let folder: string;
beforeAll(async () => {
  folder = await tinyFolder();
  await run({ cwd: root, env: shellEnvironment() }, 'npm', 'pack', '--silent', '--pack-destination', folder);
}, 300_000);

/** Tests that both installations must pass. */
function serves(given: () => Shell): void {
  it('prints help that lists the verbs', async () => {
    const { stdout } = await run(given(), 'npx', 'expertgrid', '--help');
    for (const verb of ['up', 'gateway', 'shard', 'convert', 'synth'])
      expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
  });

  it('serves the embedded model, and ends on Ctrl-C', async () => {
    const up = start(given(), 'npx', 'expertgrid', 'up', '--port', '0', '--log-level', 'warn');
    const gateway = await gatewayOf(up);
    expect(gateway.model).toBe('nano');
    const { choices, usage } = await complete(gateway, {
      prompt: 'It was a fine morning, and',
      max_tokens: 16,
    });
    expect(usage.completion_tokens).toBe(16);
    expect(choices[0]?.text).toMatch(/[a-z]{2,} [a-z]{2,}/i);
    const schema = { type: 'object', properties: { sunny: { type: 'boolean' } }, required: ['sunny'] };
    const structured = await post(gateway, {
      prompt: 'The weather:',
      max_tokens: 40,
      ignore_eos: false,
      response_format: { type: 'json_schema', json_schema: { name: 'weather', schema } },
    });
    const { choices: held } = (await structured.json()) as Completion;
    expect(JSON.parse(held[0]?.text ?? '')).toHaveProperty('sunny');
    for (const path of ['/console', '/docs', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css'])
      expect([path, (await fetch(gateway.url + path)).status]).toEqual([path, 200]);

    const ours = () =>
      processes().filter(({ command }) => command.includes(join(given().cwd, 'node_modules')));
    expect(ours().filter(({ command }) => / shard /.test(command)).length).toBe(4);
    up.signal('SIGINT');
    await up.exit;
    await eventually(() => ours().length === 0);
  });
}

describe('installed with the Node of this machine and its optional packages', () => {
  let shell: Shell & { said: string };
  beforeAll(async () => {
    shell = await install(folder, shellEnvironment(), '');
  }, 600_000);

  it('makes npm print no warning except the one about install scripts', () => {
    expect(shell.said).toContain('added');
    expect(shell.said).not.toMatch(/npm (warn (?!install-scripts)|error)/);
  });

  serves(() => shell);
});

describe('installed with a newer Node and --omit=optional', () => {
  let shell: Shell & { said: string };
  let installed: string;
  beforeAll(async () => {
    shell = await install(folder, newNode(), '--omit=optional');
    installed = join(shell.cwd, 'node_modules', 'expertgrid');
  }, 600_000);

  it('takes less than 70 MB', () => {
    const bytes = files(join(shell.cwd, 'node_modules')).reduce((sum, file) => sum + statSync(file).size, 0);
    expect(bytes).toBeLessThan(70e6);
    expect(shell.said).not.toMatch(/npm (warn (?!install-scripts)|error)/);
  });

  it('contains every page of docs/ that its code names', () => {
    const code = files(join(installed, 'dist')).filter((file) => /\.(js|html)$/.test(file));
    const pages = code.flatMap((file) =>
      Array.from(readFileSync(file, 'utf8').matchAll(/(?<![\w/.])docs\/[\w-]+\.md/g), ([page]) => page),
    );
    expect(new Set(pages)).toContain('docs/devices.md');
    const missing = [...new Set(pages)].filter(
      (page) => !statSync(join(installed, page), { throwIfNoEntry: false }),
    );
    expect(missing).toEqual([]);
  });

  serves(() => shell);

  it('says how to install ONNX Runtime if the device or precision needs it', async () => {
    const add =
      /ONNX Runtime is not installed: add it with npm install onnxruntime-node@[\d.]+ \(docs\/devices\.md\)/;
    for (const device of ['ort-cpu', 'webgpu', 'cuda'])
      expect(await refusal(shell, 'up', '--device', device, '--port', '0')).toMatch(
        new RegExp(`--device ${device} needs it, and ${add.source}`),
      );
    const shape = join(installed, 'models', 'nano', 'config.json');
    const synth = ['synth', '--shape', shape, '--to', 'wide', '--bits', '16'];
    const said = await refusal(shell, ...synth);
    expect(said).toMatch(
      new RegExp(`wide: .* not 16, and ${add.source}, or convert the model with --bits 8`),
    );
    expect(readdirSync(shell.cwd)).not.toContain('wide');
  });

  it('says how to install ONNX Runtime or build the kernels if there are no kernels for this machine', async () => {
    for (const made of ['prebuilt', 'build'])
      await rm(join(installed, 'kernels', made), { recursive: true, force: true });
    for (const verb of [
      ['up', '--port', '0'],
      ['gateway', '--shards', '127.0.0.1:1'],
      ['shard', '--model', 'nano', '--experts', '0-95'],
    ]) {
      const said = await refusal(shell, ...verb);
      expect(said).toMatch(
        /the CPU kernels are not built for this machine, and ONNX Runtime is not installed: add it with/,
      );
      expect(said).toContain('build the kernels: install a C compiler, then npm rebuild (docs/kernels.md)');
    }
  });
});
