import { expect, it, onTestFinished } from 'vitest';
import { type Answer, type Ask, NotSent } from '../../../infra/edge/ask.ts';
import { startChecks } from '../../../infra/edge/gateways/checks.ts';
import { Gateways } from '../../../infra/edge/gateways/gateways.ts';

const url = 'https://eu.example.com';

/** What the log has after the first check. `answer` gets the path of the check; undefined: no answer comes. */
async function logAfterCheck(answer: (path: string) => number | Error | undefined): Promise<string[]> {
  const logged: string[] = [];
  const ask: Ask = (asked, { signal }) =>
    new Promise<Answer>((resolve, reject) => {
      const result = answer(new URL(asked).pathname);
      if (result instanceof Error) reject(result);
      else if (result !== undefined) resolve({ status: result, headers: new Headers(), body: null });
      else signal.addEventListener('abort', () => reject(signal.reason));
    });
  const gateways = new Gateways([{ url, region: 'eu' }]);
  const checks = startChecks(gateways, {
    ask,
    log: (message) => logged.push(message),
    everyMs: 60_000,
    patienceMs: 20,
  });
  onTestFinished(() => checks.stop());
  await checks.first;
  return logged;
}

it('logs why a gateway is not ready', async () => {
  const untrusted = new NotSent(new Error('self-signed certificate in certificate chain'));
  expect(await logAfterCheck(() => untrusted)).toEqual([
    `gateway ${url} is not ready: self-signed certificate in certificate chain`,
  ]);
  expect(await logAfterCheck(() => 503)).toEqual([`gateway ${url} is not ready: it answers 503`]);
});

it('logs that a gateway is silent only if it answers neither check', async () => {
  expect(await logAfterCheck(() => undefined)).toEqual([`gateway ${url} is silent`]);
  expect(await logAfterCheck((path) => (path === '/health' ? 200 : undefined))).toEqual([]);
  expect(await logAfterCheck((path) => (path === '/health' ? 502 : undefined))).toEqual([
    `gateway ${url} is not ready: it answers 502`,
  ]);
});

it('logs nothing of a gateway that is ready', async () => {
  expect(await logAfterCheck(() => 200)).toEqual([]);
});
