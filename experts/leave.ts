// Decides whether this shard may leave service: asks the connected gateways which units no other shard serves. Knows no sockets.
//
// Only gateways know the other shards. When a gateway answers that every unit is served elsewhere, it stops counting this shard as a
// holder. So if two shards hold the same units and ask at the same time, it lets only one of them leave.
import { RpcError } from '../rpc/errors.ts';
import type { Handlers, Params } from '../rpc/transport.ts';
import { formatUnits, type HoldingRange } from './runs.ts';
import { featuresOf, LEAVE_FEATURE, type LeaveView, type ModelShape, parseLeaveView } from './wire.ts';

/** One connection that has said hello. */
export interface Caller {
  hello: Params;
  /** Aborts when the connection ends; the handlers of its calls receive the same signal. */
  connection: AbortSignal;
  notify(method: string, params: Params): void;
}

export interface LeaveOptions {
  callers: () => readonly Caller[];
  /** The models of the shard, by identity. */
  models: ReadonlyMap<string, ModelShape>;
  /** How long gateways may take to answer. Default: 3 s. */
  waitMs?: number;
}

/** The answers of the gateways. */
export interface Views {
  /** Gateways that were asked and are still connected. */
  asked: number;
  /** Those of them that did not answer in time. */
  silent: number;
  views: readonly LeaveView[];
}

const WAIT_MS = 3_000;
/** Most characters of a refusal that name units. */
const LONGEST_UNITS = 300;

interface Question {
  ask: number;
  /** Answers by connection; undefined until the gateway has answered. */
  views: Map<AbortSignal, LeaveView | undefined>;
  /** Called when an answer or the end of a connection has changed something. */
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
   * Resolves if no connected gateway would lose a unit, and at once if none is connected. Rejects with `needed` if one would, or
   * if one did not answer. Calls during an open question share it.
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
  async #answers(ask: number, asked: readonly Caller[], waitMs: number): Promise<Views> {
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

  /** An answer that is late, or comes from a gateway that was not asked, changes nothing. */
  #hear(view: LeaveView, connection: AbortSignal | undefined): void {
    const question = this.#question;
    if (question?.ask !== view.ask || connection === undefined || !question.views.has(connection)) return;
    question.views.set(connection, view);
    question.look();
  }
}

/** Why the shard must stay; undefined if it may leave. Pure. */
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
