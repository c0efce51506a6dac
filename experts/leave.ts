// Whether this shard may leave service: asks its connected gateways which units nobody else would serve. Knows no sockets.
//
// Only gateways know the other shards. A gateway that sees every unit elsewhere stops counting this shard as a holder when
// it says so: of two shards that back each other and ask at the same time, it lets one go.
import { RpcError } from '../rpc/errors.ts';
import type { Handlers, Params } from '../rpc/transport.ts';
import { formatUnits, type HoldingRange } from './runs.ts';
import { featuresOf, type LeaveView, leaveFeature, type ModelShape, parseLeaveView } from './wire.ts';

/** One connection that has said hello. */
export interface Caller {
  hello: Params;
  /** Aborts when it ends; the handlers of its calls are given the same. */
  connection: AbortSignal;
  notify(method: string, params: Params): void;
}

export interface LeaveOptions {
  callers: () => readonly Caller[];
  /** That the shard holds, by identity. */
  models: ReadonlyMap<string, ModelShape>;
  /** A gateway that has not answered within it is silent. */
  waitMs?: number;
}

/** What the gateways have said. */
export interface Views {
  /** How many were asked and are still connected. */
  asked: number;
  /** How many of these did not answer in time. */
  silent: number;
  views: readonly LeaveView[];
}

const defaultWaitMs = 3_000;
/** Characters of a refusal that name units. */
const longestUnits = 300;

interface Question {
  ask: number;
  /** By connection; undefined until it has answered. */
  views: Map<AbortSignal, LeaveView | undefined>;
  /** Told when something has changed. */
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
   * Resolves where no connected gateway would lose a unit, and at once where none is connected; rejects with `needed` where
   * one would, or where one did not say. Asked twice meanwhile, it is one question.
   */
  permission(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const { callers, models, waitMs = defaultWaitMs } = this.#options;
    const asked = callers().filter(({ hello }) => featuresOf(hello).includes(leaveFeature));
    const ask = ++this.#asks;
    const views = await this.#answers(ask, asked, waitMs);
    const refusal = refusalOf(views, { waitMs, severalModels: models.size > 1 });
    if (refusal === undefined) return;
    for (const { connection, notify } of asked) if (!connection.aborted) notify('stays', { ask });
    throw new RpcError('needed', refusal);
  }

  /** Waits until each that is still connected has answered, but no longer than `waitMs`. */
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

  /** An answer that comes late, or from who was not asked, changes nothing. */
  #hear(view: LeaveView, connection: AbortSignal | undefined): void {
    const question = this.#question;
    if (question?.ask !== view.ask || connection === undefined || !question.views.has(connection)) return;
    question.views.set(connection, view);
    question.look();
  }
}

/** Why the shard has to stay; undefined where it may leave. Pure. */
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
    const why = contested ? ', because another shard that has them is leaving' : '';
    const who = asked > 1 ? ` (so ${losing.length} of ${asked} gateways)` : '';
    return `no other shard serves ${shortened(ofModel.join(', '))}${why}${who}`;
  }
  if (silent === 0) return undefined;
  const who = asked > 1 ? `${silent} of ${asked} gateways` : 'its gateway';
  return `${who} did not say within ${waitMs / 1_000} s whether other shards serve its experts`;
}

function shortened(text: string): string {
  return text.length <= longestUnits ? text : `${text.slice(0, longestUnits)}…`;
}
