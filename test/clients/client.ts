// What `npm run test:clients` asks of each client, and how a client's own program is started. Knows no client.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** What a client is tried against. */
export interface Setting {
  /** Of the gateway, without `/v1` and without a slash at the end. */
  baseUrl: string;
  /** Name of the model that the gateway serves. */
  model: string;
  /** Most tokens of prompt and answer together. */
  context: number;
  /** A temporary folder of this run alone; removed afterwards. */
  folder: string;
  /** Existing folder to write each exchange with the gateway to, as JSON; none unless the caller asks for it. */
  record: string | undefined;
  /** Aborts when the client's time is up. */
  signal: AbortSignal;
}

export const modelNames = ['nano', 'long'] as const;
/** `nano` is the embedded model, 2,048 tokens; `long` has random weights and a context that agents' prompts fit into. */
export type ModelName = (typeof modelNames)[number];

/** What a file of this folder that tries a client exports. */
export interface Client {
  name: string;
  /** npm packages that are tried; the table shows their versions. */
  packages: readonly string[];
  /** `name version` of each of what is tried, if it is not from npm. */
  versions?(): Promise<string[]>;
  /** Models that it is tried on, each a line of the table; both unless told otherwise. */
  models?: readonly ModelName[];
  /** Time for one model; 120,000 unless told otherwise. */
  timeoutMs?: number;
  /** Says what was tried. Throws if anything went wrong. */
  run(setting: Setting): Promise<string>;
}

/** Thrown by `run` if the client is not there to be tried: a line of the table that is no failure. */
export class LeftOut extends Error {}

export interface Ran {
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Beside PATH, HOME and the folders of the XDG standard; nothing else of this process's environment is passed on. */
  env?: Readonly<Record<string, string>>;
  /** Text on standard input; empty unless given. */
  input?: string;
  /** Exit codes that are no failure; 0 unless given. */
  codes?: readonly number[];
}

const packagesFolder = join(import.meta.dirname, 'node_modules');

/** Path of a file of an installed package. */
export function fileOf(packageName: string, path: string): string {
  return join(packagesFolder, packageName, path);
}

/** The folder that programs run in: empty until they write to it. */
export function workFolder({ folder }: Setting): string {
  return made(join(folder, 'work'));
}

/** The home of programs, for the files that configure them. */
export function homeFolder({ folder }: Setting): string {
  return made(join(folder, 'home'));
}

/**
 * Runs a program in the empty work folder with a home of its own, and ends it with all its children when the time is up.
 * Rejects with the end of what it printed if it fails.
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

/** Takes the steps one after the other, all of them even if one fails; says what they said. */
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
