// Tries the clients of lm-evaluation-harness (Python): compares their scores and texts with answers of the gateway.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LeftOut, type ModelName, runProgram, type Setting } from '../client.ts';

export const name = 'lm-eval';
export const packages = [];
/** The check needs a model that ends its turns by itself. */
export const models: readonly ModelName[] = ['nano'];

export async function versions(): Promise<string[]> {
  const file = python();
  if (file === undefined) return [];
  const code = "import importlib.metadata as m; print(m.version('lm_eval'))";
  return [`lm-eval ${execFileSync(file, ['-c', code], { encoding: 'utf8' }).trim()}`];
}

export async function run(setting: Setting): Promise<string> {
  const file = python();
  if (file === undefined) throw new LeftOut('needs --python VENV, a virtual environment with lm-eval[api]');
  const check = join(import.meta.dirname, 'lm_eval_check.py');
  const { stdout } = await runProgram(setting, file, [check, setting.baseUrl, setting.model]);
  const kinds = ['loglikelihood', 'loglikelihood_rolling', 'generate_until', 'chat'];
  const found = kinds.map(
    (kind) => `${stdout.match(new RegExp(`^${kind}[ :(]`, 'gm'))?.length ?? 0} ${kind}`,
  );
  return `as the gateway scores and writes: ${found.join(', ')}`;
}

/** Path of the interpreter in the environment that `--python` names. */
function python(): string | undefined {
  const folder = process.env.EXPERTGRID_TEST_PYTHON;
  if (folder === undefined) return undefined;
  const file = resolve(folder, 'bin', 'python');
  if (!existsSync(file)) throw new Error(`${file} does not exist`);
  return file;
}
