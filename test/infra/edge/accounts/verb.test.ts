// `expertgrid key` at an edge that runs as a process.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { startCli } from '../../../support/process.ts';
import { edgeCommand } from './edge-command.ts';
import { answerWithUsage } from './edge-with-accounts.ts';

let url: string;
let folder: string;
let start: () => Promise<ReturnType<typeof startCli>>;

beforeAll(async () => {
  const command = await edgeCommand(answerWithUsage);
  ({ folder } = command);
  start = async () => {
    const started = await command.start();
    ({ url } = started);
    return started.edge;
  };
});

async function key(...args: string[]) {
  const place = ['--edge', url, '--admin-secret-file', join(folder, 'admin')];
  const told = startCli(['key', ...args, ...place]);
  const { code } = await told.exit;
  return { code, stdout: told.stdout, stderr: told.stderr };
}

const ask = (secret: string) =>
  fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
    body: '{"model":"nano","prompt":"hi","max_tokens":4}',
  });

it('makes, lists, changes, rotates and disables keys, and prints their usage, also after the edge was killed', async () => {
  const first = await start();
  const made = await key('create', 'alice', '--rpm', '60', '--models', 'nano,big', '--expires', '2099-01-31');
  expect([made.code, made.stderr]).toEqual([0, 'the key of alice is shown only once and is not stored\n']);
  const secret = made.stdout.trim();
  const answer = await ask(secret);
  expect([answer.status, answer.headers.get('x-ratelimit-remaining-requests')]).toEqual([200, '59']);
  first.signal('SIGKILL');
  await first.exit;

  await start();
  const listed = await key('list');
  expect(listed.stdout).toMatch(
    /^name +key +state +scopes +models +regions +rpm +tpm +concurrency +budget +weight +expires\n/,
  );
  expect(listed.stdout).toMatch(
    /\nalice +eg-\S{3}… +enabled +generate +nano,big +- +60 +- +- +- +1 +2099-01-31T00:00:00.000Z\n$/,
  );
  expect((await key('change', 'alice', '--rpm', 'none', '--models', 'all', '--expires', 'never')).code).toBe(
    0,
  );
  expect((await key('list')).stdout).toMatch(/\nalice +\S+ +enabled +generate +- +- +- +- +- +- +1 +-\n$/);
  const turned = await key('rotate', 'alice', '--grace', '0');
  expect([(await ask(secret)).status, (await ask(turned.stdout.trim())).status]).toEqual([401, 200]);
  await key('disable', 'alice');
  expect((await ask(turned.stdout.trim())).status).toBe(401);
  expect((await key('enable', 'alice')).stderr).toBe('enabled alice\n');
  const used = await key('usage');
  expect(used.stdout).toMatch(
    /^day +key +model +requests +prompt +cached +generated +estimated\n\S+ +alice +nano +2 +6 +2 +8 +0\n$/,
  );
  const rows = await key('usage', 'alice', '--csv', 'request');
  expect(rows.stdout.split('\r\n')).toHaveLength(4);
});

it('imports the keys of a gateway', async () => {
  const file = join(folder, 'keys');
  const made = startCli(['key', 'create', 'bob', '--tpm', '5000', '--admin', '--file', file]);
  await made.exit;
  expect((await key('import', file)).stderr).toBe(`imported 1 keys of ${file}\n`);
  expect((await ask(made.stdout.trim())).status).toBe(200);
  expect((await key('list')).stdout).toMatch(/\nbob +- +enabled +generate,admin +- +- +- +5000 /);
});

it('says what is wrong', async () => {
  expect((await key('rotate', 'nobody')).stderr).toContain("There is no key 'nobody'.");
  const wrong = join(folder, 'wrong');
  writeFileSync(wrong, 'w'.repeat(40));
  const refused = startCli(['key', 'list', '--edge', url, '--admin-secret-file', wrong]);
  expect((await refused.exit).code).toBe(1);
  expect(refused.stderr).toContain('Give the file that the edge has as --admin-secret-file.');
  const nobody = startCli(['key', 'list', '--edge', 'http://127.0.0.1:9', '--admin-secret-file', wrong]);
  expect((await nobody.exit).code).toBe(1);
  expect(nobody.stderr).toContain('no edge answers there');
});
