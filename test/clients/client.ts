// The interface of a client of `npm run test:clients`, and functions that run a client's own program.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** The gateway and the folders with which a client is tried. */
export interface Setting {
  /** URL of the gateway without `/v1` and without a slash at the end. */
  baseUrl: string;
  /** Name of the model that the gateway serves. */
  model: string;
  /** Largest number of tokens of prompt and answer together. */
  context: number;
  /** A temporary folder for this client, which is removed afterwards. */
  folder: string;
  /** Existing folder for JSON files with each exchange with the gateway. Absent if they are not recorded. */
  record: string | undefined;
  /** Aborts when the time of the client is over. */
  signal: AbortSignal;
}

export const modelNames = ['nano', 'long'] as const;
/**
 * `nano` is the embedded model. `long` has random weights and a context that fits the prompts of agents.
 */
export type ModelName = (typeof modelNames)[number];

/** Exports of a file that tries a client. */
export interface Client {
  name: string;
  /** npm packages that are tried. The table shows their versions. */
  packages: readonly string[];
  /** `name version` of each tried program that is not from npm. */
  versions?(): Promise<string[]>;
  /** Models on which the client is tried. Each has a line of the table. Default: both. */
  models?: readonly ModelName[];
  /** Time limit in milliseconds for each model. Default: 120,000. */
  timeoutMs?: number;
  /** Tries the client. Returns a text that says what was tried. Throws if something failed. */
  run(setting: Setting): Promise<string>;
}

/** Thrown by `run` if the client is not installed. The table then says `left out`, which is no failure. */
export class LeftOut extends Error {}

export interface Ran {
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Environment variables in addition to PATH, HOME and the XDG folders. No other variables of this process are passed on. */
  env?: Readonly<Record<string, string>>;
  /** Text on standard input. Default: empty. */
  input?: string;
  /** Exit codes that are no failure. Default: 0. */
  codes?: readonly number[];
}

const packagesFolder = join(import.meta.dirname, 'node_modules');

/** Path of a file in an installed package. */
export function fileOf(packageName: string, path: string): string {
  return join(packagesFolder, packageName, path);
}

/** The folder in which programs run. It is empty until they write to it. */
export function workFolder({ folder }: Setting): string {
  return made(join(folder, 'work'));
}

/** The home folder of programs, for their configuration files. */
export function homeFolder({ folder }: Setting): string {
  return made(join(folder, 'home'));
}

/**
 * Runs a program in the work folder with a home of its own. Kills it with all its children when the time is over. Rejects
 * with the end of its output if it fails.
 */
export async function runProgram(
  setting: Setting,
  file: string,
  args: readonly string[],
  { env = {}, input = '', codes = [0] }: RunOptions = {},
): Promise<Ran> {
  const home = homeFolder(setting);
  const child = spawn(file, args, {
    cwd: workFolder(setting),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_DATA_HOME: join(home, '.local', 'share'),
      XDG_CACHE_HOME: join(home, '.cache'),
      XDG_STATE_HOME: join(home, '.local', 'state'),
      NO_COLOR: '1',
      CI: '1',
      ...env,
    },
  });
  const ran: Ran = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      ran[name] += text;
    });
  }
  child.stdin.on('error', () => {}).end(input);
  const endAll = () => killGroup(child);
  setting.signal.addEventListener('abort', endAll);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    if (setting.signal.aborted) throw new Error(`took too long: ${endOf(ran)}`);
    if (code === null || !codes.includes(code)) throw new Error(`ended with ${code}: ${endOf(ran)}`);
    return ran;
  } finally {
    setting.signal.removeEventListener('abort', endAll);
    killGroup(child);
  }
}

/** Runs all steps one after another, even if one fails. Returns their texts joined. Throws if a step failed. */
export async function allOf(steps: readonly (() => Promise<string>)[]): Promise<string> {
  const said: string[] = [];
  const failures: string[] = [];
  for (const step of steps) {
    try {
      said.push(await step());
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (failures.length > 0)
    throw new Error([...failures, ...said.map((each) => `passed: ${each}`)].join('; '));
  return said.join('; ');
}

function made(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function endOf({ stdout, stderr }: Ran): string {
  return `${stderr.slice(-1_500)}\n${stdout.slice(-1_500)}`.trim() || 'it printed nothing';
}
