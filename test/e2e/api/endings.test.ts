// How open requests end if the engine fails, or if they outlast the grace of a shutdown. No request hangs, and every stream ends with
// an error event.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { startProcess } from '../../support/process.ts';
import { type Gateway, gatewayOf, post, type StreamEvent, startUp, stream } from '../gateway.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const endless = { prompt: 'a', max_tokens: 60_000 };
const model = () => tinyBundle({ context: 65_536 });

/** Reads an endless stream, calls `act` at its second event, and returns the last event. */
async function lastOf(gateway: Gateway, act: () => void | Promise<void>): Promise<StreamEvent> {
  let seen = 0;
  let last: StreamEvent = { at: 0 };
  for await (const event of stream(gateway, endless)) {
    if (++seen === 2) await act();
    last = event;
  }
  return last;
}

it('ends open requests with shutting_down after the grace, and logs them', async () => {
  const up = await startUp(await model(), ['--in-process', '--grace', '0', '--log-level', 'info']);
  const whole = post(up, endless);
  const last = await lastOf(up, () => up.process.signal('SIGTERM'));
  expect(last.error).toMatchObject({ type: 'server_error', code: 'shutting_down' });
  const refused = await whole;
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await up.process.exit).toEqual({ code: 0, signal: null });
  const lines = up.process.stderr.split('\n').filter((line) => line.includes('"path":"/v1/completions"'));
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(told.map(({ status, error }) => [status, error])).toEqual([
    [503, 'shutting_down'],
    [503, 'shutting_down'],
  ]);
  expect(up.process.stderr).toContain('ending 2 open requests with an error');
});

it('exits with 1 and one line if its engine fails, after an error to every open request', async () => {
  const when = join(await tinyFolder(), 'now');
  const preload = ['--import', join(root, 'test', 'support', 'engines', 'faulty-thread.ts')];
  const args = ['up', '--model', await model(), '--in-process', '--port', '0', '--log-level', 'error'];
  const up = await gatewayOf(
    startProcess(process.execPath, [...preload, join(root, 'cli', 'main.ts'), ...args], {
      env: { ...process.env, FAULTY_THREAD: 'engine:throw', FAULTY_WHEN: when },
    }),
  );
  const last = await lastOf(up, () => writeFile(when, ''));
  expect(last.error).toMatchObject({ type: 'server_error', code: 'internal' });
  expect(await up.process.exit).toEqual({ code: 1, signal: null });
  const own = up.process.stderr
    .split('\n')
    .filter((line) => line.includes('"msg":"the engine thread of tiny'));
  expect(own.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'the engine thread of tiny has failed: an unexpected fault; the gateway ends',
  ]);
});
