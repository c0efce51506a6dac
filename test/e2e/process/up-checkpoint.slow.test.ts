// `expertgrid up --model HF_DIR` at a terminal: it asks, converts into the cache with a progress bar, resumes after
// Ctrl-C, and serves.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';
import { startProcess } from '../../support/process.ts';
import { CTRL_C, openTerminal } from '../../support/terminal.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

let folder: string;
let checkpoint: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'up-checkpoint-'));
  const options = { vocab: 300, experts: 96, layers: 6, hidden: 128 };
  ({ dir: checkpoint } = await writeCheckpoint(join(folder, 'Tiny'), options));
  env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
});
afterAll(() => rm(folder, { recursive: true }));

const inCache = () => readdir(join(folder, 'cache', 'expertgrid', 'bundles'));
const up = (...flags: string[]) => [
  ...[process.execPath, main, 'up', '--model', checkpoint, '--in-process', '--port', '0', ...flags],
];

describe.runIf(existsSync('/usr/bin/script'))('at a terminal', () => {
  it('ends with the command to convert if the user answers no', async () => {
    const terminal = openTerminal(up(), env);
    await terminal.shows(/Tiny: this is a Hugging Face checkpoint \(qwen3_moe\) and not a bundle/);
    await terminal.shows(/\.\d MB of weights take [\d.]+ MB at 4 bits, in \S+Tiny-4bit-/);
    await terminal.shows(/Convert it to 4 bits\?/);
    terminal.type('n\r');
    await terminal.shows(/convert --from \S+Tiny --to Tiny-4bit --bits 4/);
    expect(await terminal.exit).toBe(1);
    await expect(inCache()).rejects.toThrow('ENOENT');
  });

  it('converts with a progress bar, stops on Ctrl-C, and at the next start resumes and serves without asking again', async () => {
    const first = openTerminal(up(), env);
    await first.shows(/Convert it to 4 bits\?/);
    first.type('8\r');
    await first.shows(/(converting|golden answers) \[#*\.+\]/);
    first.type(CTRL_C);
    await first.shows(/stopped; run the same command to resume/);
    expect(await first.exit).toBe(130);
    expect(await inCache()).toEqual([expect.stringMatching(/^Tiny-8bit-\w+\.partial$/)]);

    const second = openTerminal(up('--bits', '8'), env);
    await second.shows(/\d\d:\d\d:\d\d\S* \S*info /); // log lines are pretty on a terminal
    await second.shows(/ready in [\d.]+ s: Tiny at http:/);
    await second.shows(/console {2}http:\S+\/console/);
    second.type(CTRL_C);
    expect(await second.exit).toBe(0);

    const third = startProcess(process.execPath, up().slice(1), { env });
    await third.says(/using the bundle at 8 bits that was made earlier/);
    await third.says(/ready in [\d.]+ s: Tiny at/);
    third.signal('SIGTERM');
    expect(await third.exit).toMatchObject({ code: 0 });
  });
});
