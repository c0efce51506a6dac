// Requests through the edge while something happens to the cell. Every answer is greedy, so that it is the same each time.
import { setTimeout as delay } from 'node:timers/promises';
import { gapsOf } from '../../bench/chaos/stalls.ts';
import { type Answer, ask } from '../../bench/gateways/answers.ts';
import type { Kind } from '../../bench/gateways/kinds.ts';
import { heldOutTexts } from '../../bench/inputs.ts';
import { table } from '../../bench/print.ts';

export interface Row {
  scenario: string;
  requests: number;
  streams: number;
  failed: number;
  changed: number;
  /** Milliseconds between two events of a stream. */
  longestStallMs: number;
  /** Different errors. */
  errors: string[];
}

/** Requests at the same time. */
const CALLERS = 6;
const TOKENS = 160;
/** Requests run undisturbed for this time before and after what happens. */
const QUIET_MS = 3_000;

/** Texts and chats, streamed and not. */
async function kindsFor(model: string): Promise<Kind[]> {
  const common = { model, temperature: 0, ignore_eos: true };
  const passages = (await heldOutTexts()).slice(0, 6);
  return passages.flatMap((text, i) => {
    const prompt = text
      .split(' ')
      .slice(0, 30 + 10 * i)
      .join(' ');
    const limit = TOKENS + 15 * i;
    const [name, path, body]: [string, string, object] =
      i % 2 === 0
        ? ['text', '/v1/completions', { prompt, max_tokens: limit }]
        : [
            'chat',
            '/v1/chat/completions',
            { messages: [{ role: 'user', content: prompt }], max_completion_tokens: limit },
          ];
    return [true, false].map((streamed) => ({
      name: `${name} ${i}${streamed ? ', streamed' : ''}`,
      path,
      body: { ...common, ...body, stream: streamed },
      streamed,
    }));
  });
}

export class Traffic {
  readonly rows: Row[] = [];
  readonly #edge: string;
  readonly #kinds: readonly Kind[];
  readonly #expected: ReadonlyMap<number, string>;

  private constructor(edge: string, kinds: readonly Kind[], expected: ReadonlyMap<number, string>) {
    this.#edge = edge;
    this.#kinds = kinds;
    this.#expected = expected;
  }

  /** Learns the answer to each request while nothing happens to the cell. */
  static async open(edge: string, model: string): Promise<Traffic> {
    const kinds = await kindsFor(model);
    const answers = await answersOf(edge, kinds, (asked) => asked < 2 * kinds.length);
    const failed = answers.find(({ outcome }) => outcome !== 'whole');
    if (failed !== undefined) throw new Error(`a request failed before anything happened: ${failed.detail}`);
    const expected = new Map(answers.map(({ kind, content }) => [kind, content]));
    const other = answers.find(({ kind, content }) => content !== expected.get(kind));
    if (other !== undefined)
      throw new Error(`two answers to ${kinds[other.kind]?.name} differ before anything happened`);
    return new Traffic(edge, kinds, expected);
  }

  /** Sends requests from before `happens` begins until after it has ended. */
  async during(scenario: string, happens: () => Promise<void>): Promise<Row> {
    let over = false;
    const running = answersOf(this.#edge, this.#kinds, () => !over);
    try {
      await delay(QUIET_MS);
      await happens();
      await delay(QUIET_MS);
    } finally {
      over = true;
    }
    const answers = await running;
    const whole = answers.filter(({ outcome }) => outcome === 'whole');
    const gaps = answers.flatMap(({ times }) => gapsOf(times)).map(({ from, to }) => to - from);
    const row: Row = {
      scenario,
      requests: answers.length,
      streams: answers.filter(({ kind }) => this.#kinds[kind]?.streamed).length,
      failed: answers.length - whole.length,
      changed: whole.filter(({ kind, content }) => content !== this.#expected.get(kind)).length,
      longestStallMs: Math.round(gaps.reduce((longest, gap) => Math.max(longest, gap), 0)),
      errors: [...new Set(answers.flatMap(({ detail }) => detail ?? []))],
    };
    this.rows.push(row);
    return row;
  }

  text(): string {
    const head = ['scenario', 'requests', 'streams', 'failed', 'changed', 'longest stall ms'];
    const rows = this.rows.map(({ scenario, requests, streams, failed, changed, longestStallMs }) => [
      scenario,
      ...[requests, streams, failed, changed, longestStallMs].map(String),
    ]);
    return table(head, rows).join('\n');
  }
}

async function answersOf(
  edge: string,
  kinds: readonly Kind[],
  goesOn: (asked: number) => boolean,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  let asked = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (goesOn(asked)) answers.push(await ask({ edge, key: undefined }, kinds, asked++ % kinds.length));
    }),
  );
  return answers;
}
