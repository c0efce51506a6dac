// Sends SIGTERM or two Ctrl-C in the middle of a prefill, fifty times. The gateway must end cleanly each time and never abort.
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { childrenOf, type Exit, eventually, isAlive, isFree, startCli } from '../../support/process.ts';
import { seedOf, uniform } from '../../support/random.ts';
import { engineCounter, type Gateway, post, startUp } from '../gateway.ts';

/**
 * With ONNX Runtime, loading and a prefill take long enough for a signal to arrive meanwhile. The signal must not interrupt
 * ONNX Runtime.
 */
const ort = ['--device', 'ort-cpu'];
/** With the CPU kernels, a prefill takes long enough if its steps have few rows. */
const fewRows = ['--prefill-rows', '4'];

const TIMES = 50;
const AT_ONCE = 2;
const PROMPT = 6_000;

let model: string;
beforeAll(async () => {
  model = await tinyBundle({ layers: 6, context: 8_192 });
});

interface Outcome {
  exit: Exit;
  /** Status of the running request. Undefined if its connection broke. */
  status: number | undefined;
  /** Time from the last signal to the end of the process. */
  ms: number;
  orphans: number;
  portFree: boolean;
  complaints: string;
}

/**
 * Begins a long prefill, waits until rows are computed and then `waitMs`, ends the gateway, and checks what it leaves
 * behind.
 */
async function endDuringPrefill(
  flags: readonly string[],
  waitMs: number,
  end: (up: Gateway) => Promise<void>,
) {
  const up = await startUp(model, [...flags, '--grace', '3600']);
  const children = childrenOf(up.process.pid);
  const request = post(up, { prompt: Array(PROMPT).fill(65), max_tokens: 4 });
  const status = request.then(
    async (response) => {
      await response.text();
      return response.status;
    },
    () => undefined,
  );
  await eventually(async () => (await engineCounter(up, 'step_rows')) > 0);
  await delay(waitMs);
  const computed = await engineCounter(up, 'prompt_tokens');
  await end(up);
  const endedAt = performance.now();
  const exit = await up.process.exit;
  const outcome: Outcome = {
    exit,
    status: await status,
    ms: performance.now() - endedAt,
    orphans: children.filter(({ pid }) => isAlive(pid)).length,
    portFree: await isFree(up.port),
    complaints: up.process.stderr
      .split('\n')
      .filter((line) => /abort|terminate|Error/.test(line))
      .join('\n'),
  };
  return { outcome, duringPrefill: computed < PROMPT };
}

const terminate = async (up: Gateway) => up.process.signal('SIGTERM');
const interruptTwice = async (up: Gateway) => {
  up.process.signal('SIGINT');
  await delay(300); // two SIGINT within a shorter time count as one Ctrl-C
  up.process.signal('SIGINT');
};

describe(`${TIMES} signals during prefill`, () => {
  it('end the gateway with exit code 0 or 130 in time, without processes or ports left behind', async () => {
    const next = uniform(seedOf(1, 'signals'));
    const kinds = [
      { flags: ['--in-process', ...ort], end: terminate, code: 0 },
      { flags: ['--in-process', ...ort], end: interruptTwice, code: 130 },
      { flags: ['--shards', '2', ...ort], end: terminate, code: 0 },
      { flags: ['--shards', '2', ...ort], end: interruptTwice, code: 130 },
      { flags: ['--in-process', ...fewRows], end: terminate, code: 0 },
      { flags: ['--shards', '2', ...fewRows], end: interruptTwice, code: 130 },
    ];
    const runs = Array.from({ length: TIMES }, (_, i) => ({
      ...kinds[i % kinds.length]!,
      waitMs: 300 * next(),
    }));
    const waiting = [...runs];
    let early = 0;
    const slowest = new Map<number, number>();
    const worker = async () => {
      for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
        const { outcome, duringPrefill } = await endDuringPrefill(run.flags, run.waitMs, run.end);
        const { status, ms, ...rest } = outcome;
        expect(rest, `${run.flags} ${run.code}`).toEqual({
          exit: { code: run.code, signal: null },
          orphans: 0,
          portFree: true,
          complaints: '',
        });
        // After SIGTERM, the gateway waits for the request. After a second Ctrl-C, it does not.
        if (run.code === 0) expect(status).toBe(200);
        else expect(ms).toBeLessThan(3_000);
        if (duringPrefill) early++;
        slowest.set(run.code, Math.max(ms, slowest.get(run.code) ?? 0));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const ended = (code: number) => `${Math.round(slowest.get(code) ?? 0)} ms`;
    console.log(
      `measured: ${TIMES} signals during prefill: ${early} met an unfinished prompt of ${PROMPT} tokens; ` +
        `slowest end after SIGTERM ${ended(0)}, after the second Ctrl-C ${ended(130)}`,
    );
    expect(early).toBeGreaterThan(TIMES / 2);
  });
});

describe('a signal while the model is still loading', () => {
  it.each([
    { signal: 'SIGINT', code: 130, flags: ['--shards', '4', ...ort] },
    { signal: 'SIGTERM', code: 0, flags: ['--shards', '4', ...ort] },
    { signal: 'SIGINT', code: 130, flags: ['--in-process', ...ort] },
    { signal: 'SIGTERM', code: 0, flags: ['--in-process', ...ort] },
  ] as const)(
    '$signal ends `up` with the flags $flags at once, with exit code $code',
    async ({ signal, code, flags }) => {
      const up = startCli(['up', '--model', model, '--port', '0', ...flags]);
      await up.says(/loading \d+ %/);
      const children = childrenOf(up.pid);
      up.signal(signal);
      expect(await up.exit).toEqual({ code, signal: null });
      expect(up.stdout).toBe('');
      expect(children.filter(({ pid }) => isAlive(pid))).toEqual([]);
    },
  );
});
