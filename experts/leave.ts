// Decides whether this shard may leave service. It asks the connected gateways which of its units no other shard serves.
//
// Only gateways know the other shards. A gateway that answers "every unit has another replica" no longer counts the replicas of
// this shard. If two shards with the same units ask at the same time, the gateway therefore lets only one of them leave.
import { RpcError } from '../rpc/errors.ts';
import type { ConnectedCaller, Handlers } from '../rpc/transport.ts';
import { formatUnits, type HoldingRange } from './runs.ts';
import { featuresOf } from './wire/hello.ts';
import { LEAVE_FEATURE, type LeaveView, parseLeaveView } from './wire/leave.ts';
import type { ModelShape } from './wire/model.ts';

interface LeaveOptions {
  callers: () => readonly ConnectedCaller[];
  /** Models of this shard by identity. */
  models: ReadonlyMap<string, ModelShape>;
  /** Longest wait for the answers of gateways. Default: `WAIT_MS`. */
  waitMs?: number;
}

/** The answers of the gateways to one question. */
export interface Views {
  /** Number of gateways that were asked and are still connected. */
  asked: number;
  /** Number of these gateways that did not answer in time. */
  silent: number;
  views: readonly LeaveView[];
}

const WAIT_MS = 3_000;
/** A list of units in a refusal is cut after this many characters. */
const LONGEST_UNITS = 300;

interface Question {
  ask: number;
  /** Answers by connection; undefined until the gateway has answered. */
  views: Map<AbortSignal, LeaveView | undefined>;
  /** Ends the wait if every connected gateway has answered. Called after each answer and each lost connection. */
  look: () => void;
}

export class Leave {
  readonly handlers: Handlers;
  readonly #options: LeaveOptions;
  #asks = 0;
  #question: Question | undefined;
  #asking: Promise<void> | undefined;

  constructor(options: LeaveOptions) {
    this.#options = options;
    this.handlers = {
      'shard.leave': async (params, { connection }) => {
        this.#hear(parseLeaveView(params, options.models), connection);
        return {};
      },
    };
  }

  /**
   * Resolves if the shard may leave: every connected gateway knows another replica of each unit, or no gateway is connected.
   * Rejects with the code `needed` if a gateway would lose a unit or did not answer. Calls that overlap share one question.
   */
  permission(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const { callers, models, waitMs = WAIT_MS } = this.#options;
    const asked = callers().filter(({ hello }) => featuresOf(hello).includes(LEAVE_FEATURE));
    const ask = ++this.#asks;
    const views = await this.#answers(ask, asked, waitMs);
    const refusal = refusalOf(views, { waitMs, severalModels: models.size > 1 });
    if (refusal === undefined) return;
    for (const { connection, notify } of asked) if (!connection.aborted) notify('stays', { ask });
    throw new RpcError('needed', refusal);
  }

  /** Waits until every gateway that is still connected has answered, but at most `waitMs`. */
  async #answers(ask: number, asked: readonly ConnectedCaller[], waitMs: number): Promise<Views> {
    const views = new Map<AbortSignal, LeaveView | undefined>(
      asked.map(({ connection }) => [connection, undefined]),
    );
    const pending = () => [...views].filter(([connection, view]) => !connection.aborted && !view);
    const over = Promise.withResolvers<void>();
    const look = () => {
      if (pending().length === 0) over.resolve();
    };
    this.#question = { ask, views, look };
    for (const { connection, notify } of asked) {
      connection.addEventListener('abort', look, { once: true });
      notify('may_leave', { ask });
    }
    const timer = setTimeout(over.resolve, waitMs);
    timer.unref();
    look();
    await over.promise;
    clearTimeout(timer);
    this.#question = undefined;
    for (const { connection } of asked) connection.removeEventListener('abort', look);
    const connected = [...views].filter(([connection]) => !connection.aborted);
    return {
      asked: connected.length,
      silent: pending().length,
      views: connected.flatMap(([, view]) => view ?? []),
    };
  }

  /** Ignores an answer that is late or that comes from a gateway that was not asked. */
  #hear(view: LeaveView, connection: AbortSignal | undefined): void {
    const question = this.#question;
    if (question?.ask !== view.ask || connection === undefined || !question.views.has(connection)) return;
    question.views.set(connection, view);
    question.look();
  }
}

/** The message with which the shard refuses to leave. Undefined if it may leave. Pure. */
export function refusalOf(
  { asked, silent, views }: Views,
  { waitMs, severalModels }: { waitMs: number; severalModels: boolean },
): string | undefined {
  const losing = views.filter(({ alone }) => alone.length > 0);
  if (losing.length > 0) {
    const ofModel = [...Map.groupBy(losing, ({ model }) => model)].map(([model, each]) => {
      const units = formatUnits(each.flatMap(({ alone }): readonly HoldingRange[] => alone));
      return severalModels ? `${units} of ${model}` : units;
    });
    const contested = losing.every((view) => view.contested);
    const why = contested ? ', because another shard that holds them is leaving' : '';
    const who = asked > 1 ? ` (according to ${losing.length} of ${asked} gateways)` : '';
    return `no other shard serves ${shortened(ofModel.join(', '))}${why}${who}`;
  }
  if (silent === 0) return undefined;
  const who = asked > 1 ? `${silent} of ${asked} gateways` : 'its gateway';
  return `${who} did not say within ${waitMs / 1_000} s whether other shards serve its experts`;
}

function shortened(text: string): string {
  return text.length <= LONGEST_UNITS ? text : `${text.slice(0, LONGEST_UNITS)}…`;
}
