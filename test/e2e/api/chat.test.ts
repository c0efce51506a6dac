// `expertgrid chat` against a running gateway, by scripts through pipes and by people at a pseudo-terminal.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { wrapWords } from '../../../cli/chat/wrap.ts';
import { startEndless } from '../../support/network/endless.ts';
import { eventually } from '../../support/process.ts';
import { CTRL_C, CTRL_D, openTerminal, UP } from '../../support/terminal.ts';
import { engineCounter, type Gateway, startUp } from '../gateway.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');
let gateway: Gateway;
/** URL of the same gateway, whose answers do not end by themselves. */
let endless: string;
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chat-'));
  // Drafts would write a text that repeats itself before a test can stop it.
  gateway = await startUp('nano', ['--in-process', '--no-speculate']);
  endless = await startEndless(gateway.url);
  env = { ...process.env, XDG_STATE_HOME: folder, NO_COLOR: '', EXPERTGRID_URL: gateway.url };
});
afterAll(() => rm(folder, { recursive: true }));

async function chat(flags: readonly string[], { stdin }: { stdin?: string | Buffer } = {}) {
  const child = spawn(process.execPath, [main, 'chat', ...flags], { env });
  const [stdout, stderr] = [child.stdout, child.stderr].map(async (stream) => {
    let text = '';
    for await (const piece of stream.setEncoding('utf8')) text += piece;
    return text;
  });
  child.stdin.end(stdin);
  const [code] = await once(child, 'close');
  return { code, stdout: await stdout, stderr: await stderr };
}

/** The answer of the gateway's API to this message. With `endless`, it is cut at its 12 tokens. */
async function answered(content: string, url = gateway.url): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'nano',
      messages: [{ role: 'user', content }],
      seed: 3,
      max_tokens: 12,
    }),
  });
  const body = (await response.json()) as { choices: { message: { content: string } }[] };
  return body.choices[0]?.message.content ?? '';
}
const DIM = '\x1b[2m';
const asked = ['--seed', '3', '--max-tokens', '12'];

describe('for scripts', () => {
  test('prints only the answer, with --once and with piped input', async () => {
    const answer = (await answered('Tell me of the sea.')).replace(/\n?$/, '\n');
    expect(await chat([...asked, '--once', 'Tell me of the sea.'])).toEqual({
      code: 0,
      stdout: answer,
      stderr: '',
    });
    const stdin = 'Tell me of the sea.\n';
    expect(await chat(asked, { stdin })).toEqual({ code: 0, stdout: answer, stderr: '' });
  });

  test('prints an error in one line and exits with 1', async () => {
    const unknown = await chat(['--model', 'nope', '--once', 'x']);
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/^expertgrid: The model 'nope' does not exist.*\n$/);
    expect(await chat([], { stdin: ' \n' })).toMatchObject({
      code: 1,
      stderr: 'expertgrid: there is nothing to ask: standard input is empty\n',
    });
    expect(await chat([], { stdin: Buffer.from([0x63, 0x61, 0x66, 0xe9]) })).toMatchObject({
      code: 1,
      stderr: 'expertgrid: standard input is not UTF-8\n',
    });
  });

  test('says how to start a gateway if none answers', async () => {
    const { code, stderr } = await chat(['--url', 'http://127.0.0.1:1', '--once', 'x']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^expertgrid: http:\/\/127.0.0.1:1 does not answer \(.*\); start a gateway with "expertgrid up"/,
    );
  });

  test('refuses a value that is not a number, and names the flag', async () => {
    const { code, stderr } = await chat(['--temperature', 'hot', '--once', 'x']);
    expect(code).toBe(2);
    expect(stderr).toContain("option '--temperature <number>' argument 'hot' is invalid");
  });
});

describe.runIf(existsSync('/usr/bin/script'))('at a terminal', () => {
  const open = (flags: readonly string[] = [], more: NodeJS.ProcessEnv = {}) =>
    openTerminal([process.execPath, main, 'chat', ...flags], { ...env, ...more });

  it('streams answers with their token counts, and exits with 0 on Ctrl-D', async () => {
    const terminal = open([...asked, '--no-history', '--url', endless]);
    await terminal.shows(/nano; \/help[\s\S]*> /);
    terminal.type('Tell me of the sea.\r');
    const [first = ''] = (await answered('Tell me of the sea.', endless)).trim().split(/\s/);
    await terminal.shows(new RegExp(`\\n${first}`));
    await terminal.shows(/12 tokens, [\d.]+ tokens\/s, first after \d+ ms, cut at --max-tokens/);
    terminal.type('/model nope\r');
    await terminal.shows(/error: there is no model "nope"; the gateway has nano/);
    terminal.type('/retry\r');
    await terminal.shows(/12 tokens/);
    const file = join(folder, 'saved.json');
    terminal.type(`/save ${file}\r`);
    await terminal.shows(/2 messages in /);
    const saved = JSON.parse(await readFile(file, 'utf8')) as { messages: { content: string }[] };
    expect(saved.messages[0]).toEqual({ role: 'user', content: 'Tell me of the sea.' });
    terminal.type(CTRL_D);
    expect(await terminal.exit).toBe(0);
    expect(existsSync(join(folder, 'expertgrid'))).toBe(false);
  });

  it('shows an error of the API in one line, and keeps the conversation', async () => {
    const terminal = open(['--no-history', '--temperature', '9']);
    await terminal.shows(/> /);
    terminal.type('hello\r');
    await terminal.shows(/\nerror: .*temperature.*/);
    terminal.type('/retry\r');
    await terminal.shows(/\nerror: .*temperature.*/);
    terminal.type(CTRL_D);
    expect(await terminal.exit).toBe(0);
  });

  it('stops the answer and its generation on Ctrl-C, and exits with 130 on a second Ctrl-C', async () => {
    // The answer goes on until the context is full, which takes over a second.
    const terminal = open(['--no-history', '--url', endless]);
    const aborted = await engineCounter(gateway, 'aborted_sequences');
    await terminal.shows(/> /);
    terminal.type('Tell me everything.\r');
    await terminal.shows(/\n\S+ \S+/);
    terminal.type(CTRL_C);
    await terminal.shows(/tokens.*, stopped/);
    await eventually(async () => (await engineCounter(gateway, 'aborted_sequences')) > aborted);
    await terminal.shows(/> /);
    terminal.type(CTRL_C);
    expect(await terminal.exit).toBe(130);
  });

  it('sends a paste, a fenced block and continued lines as one message each', async () => {
    const terminal = open(['--no-history', '--max-tokens', '1']);
    await terminal.shows(/> /);
    terminal.type('\x1b[200~pasted one\rpasted two\x1b[201~\r');
    await terminal.shows(/1 token,/);
    terminal.type('typed \\\rand more\r');
    await terminal.shows(/1 token,/);
    terminal.type('"""\r/clear\r"""\r');
    await terminal.shows(/1 token,/);
    const file = join(folder, 'lines.json');
    terminal.type(`/save ${file}\r`);
    await terminal.shows(/6 messages in /);
    const { messages } = JSON.parse(await readFile(file, 'utf8')) as {
      messages: { role: string; content: string }[];
    };
    const said = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
    expect(said).toEqual(['pasted one\npasted two', 'typed \nand more', '/clear']);
    terminal.type('/exit\r');
    expect(await terminal.exit).toBe(0);
  });

  it('shows a line of the previous chat on the up arrow', async () => {
    const first = open(['--max-tokens', '1']);
    await first.shows(/> /);
    first.type('remember me\r');
    await first.shows(/1 token,/);
    first.type(CTRL_D);
    expect(await first.exit).toBe(0);
    const second = open(['--max-tokens', '1']);
    await second.shows(/> /);
    second.type(UP);
    await second.shows(/remember me/);
    second.type(CTRL_C);
    await second.shows(/> /);
    second.type(CTRL_D);
    expect(await second.exit).toBe(0);
  });

  it('breaks the lines of an answer between words', async () => {
    const flags = [...asked, '--no-history', '--url', endless];
    const command = ['stty cols 24; exec "$0" "$@"', process.execPath, main, 'chat', ...flags];
    const terminal = openTerminal(['sh', '-c', ...command], env);
    await terminal.shows(/> /);
    terminal.type('Tell me of the sea.\r');
    await terminal.shows(/12 tokens/);
    const lines = wrapWords(await answered('Tell me of the sea.', endless), 24).trimEnd();
    expect(terminal.shown.replaceAll('\r', '')).toContain(`\n${lines}\n`);
    expect(lines).toContain('\n');
    terminal.type(CTRL_D);
    expect(await terminal.exit).toBe(0);
  });

  it('shows no colour if NO_COLOR is set', async () => {
    const coloured = open(['--no-history']);
    await coloured.shows(/> /);
    expect(coloured.shown).toContain(DIM);
    coloured.type(CTRL_D);
    await coloured.exit;
    const plain = open(['--no-history'], { NO_COLOR: '1' });
    await plain.shows(/> /);
    plain.type(CTRL_D);
    await plain.exit;
    expect(plain.shown).not.toContain(DIM);
  });
});
