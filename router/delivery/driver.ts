// Runs the delivery of one layer: carries out the actions that next.ts returns, and feeds it the resulting events. Has the timers,
// signals and promises, and makes no decisions.
import { setTimeout as delay } from 'node:timers/promises';
import type { RunAnswer } from '../../experts/wire/run.ts';
import { afterSockets } from '../../rpc/deadline.ts';
import { toRpcError } from '../../rpc/errors.ts';
import { CallExchange, type Exchangeable, exchangeable } from './exchange.ts';
import { askFrame, findWrongShard, rowsOf } from './inquiry.ts';
import {
  type Action,
  type Attempt,
  type Audit,
  type Call,
  type Difference,
  type Event,
  firstAttempt,
  type Ledger,
  openLedger,
  type Wait,
} from './ledger.ts';
import { isDone, next } from './next.ts';
import { isBack } from './stand-in.ts';

/** Node counts the time of timers in whole milliseconds, so a timer may fire up to this much early. */
const TIMER_SLACK_MS = 1;

export class Driver {
  readonly ledger: Ledger;
  /** The caller's signal. */
  readonly #signal: AbortSignal;
  readonly #done = Promise.withResolvers<void>();
  /** For waits, and for calls that are cancelled if another call is answered first. All other calls use the caller's signal. */
  #controllers: Map<Call | Wait, AbortController> | undefined;
  #onAbort: (() => void) | undefined;
  #opinions: Map<Audit, Driver> | undefined;
  /** Calls that run on although another shard has answered (`Calls.startProbe`). */
  #probes: Set<Call> | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;
  #callOffAlarm: (() => void) | undefined;

  constructor(ledger: Ledger, signal: AbortSignal) {
    this.ledger = ledger;
    this.#signal = signal;
  }

  /** Resolves when the ledger is done; never rejects because of a shard. */
  run(slots?: readonly number[], attempt: Attempt = firstAttempt): Promise<void> {
    this.#feed({ type: 'begun', slots, attempt });
    return this.#done.promise;
  }

  /** Cancels every open call and every open wait. */
  abandon(): void {
    this.ledger.open = [];
    this.#cancelAll();
    this.#end();
  }

  #feed(event: Event): void {
    try {
      this.ledger.now = performance.now();
      this.ledger.isAborted = this.#signal.aborted;
      const actions = next(this.ledger, event);
      const calls = event.type === 'begun' ? exchangeable(this.ledger, actions) : undefined;
      if (calls !== undefined) {
        this.#exchange(calls);
        return;
      }
      for (const action of actions) {
        (Driver.#acts[action.type] as (driver: Driver, action: Action) => void)(this, action);
      }
      if (isDone(this.ledger)) this.#end();
      else this.#setAlarm();
    } catch (cause) {
      this.#done.reject(cause);
    }
  }

  #end(): void {
    this.#callOffAlarm?.();
    this.#unlisten();
    this.#done.resolve();
  }

  static readonly #acts: {
    [T in Action['type']]: (driver: Driver, action: Extract<Action, { type: T }>) => void;
  } = {
    send: (driver, { call }) => void driver.#send(call),
    wait: (driver, { wait }) => void driver.#wait(wait),
    cancel: (driver, { entry, isBeaten }) => driver.#cancel(entry, isBeaten),
    blame: (driver, { call, error }) => driver.#blame(call, error.message),
    avoid: (_, { shard }) => shard.noteSilence(),
    ask_opinion: (driver, { audit }) => void driver.#askOpinion(audit),
    judge: (driver, { audit, difference }) => void driver.#judge(audit, difference),
    close: (driver, { audit }) => driver.#opinions?.get(audit)?.abandon(),
  };

  #exchange({ remote, here }: Exchangeable): void {
    const exchange = new CallExchange(this.ledger, remote);
    if (here.length > 0) exchange.send();
    for (const call of here) void this.#send(call); // computes before it returns
    for (const [i, exchanged] of exchange.gather().entries()) {
      const { call } = remote[i]!;
      if ('rows' in exchanged) this.#feed({ type: 'answered', call, rows: exchanged.rows });
      else void this.#await(call, exchanged.late);
    }
    if (!isDone(this.ledger)) this.#setAlarm();
  }

  #send(call: Call): Promise<void> {
    const { step, deadlineAt } = this.ledger;
    const { frame, shard } = call;
    return this.#await(call, (signal) => {
      const x = rowsOf(frame, step);
      return askFrame(step, frame, shard, { x, deadlineMs: deadlineAt - performance.now(), signal });
    });
  }

  async #await(call: Call, ask: (signal: AbortSignal) => Promise<RunAnswer>): Promise<void> {
    const { frame, shard, attempt, wakeAt } = call;
    const canBeReplaced = wakeAt !== Number.POSITIVE_INFINITY || attempt.beside.length > 0;
    const signal = canBeReplaced ? this.#signalFor(call) : this.#signal;
    let event: Event;
    try {
      const { rows } = await ask(signal);
      event = { type: 'answered', call, rows };
    } catch (cause) {
      event = { type: 'failed', call, error: toRpcError(cause) };
    }
    if (canBeReplaced) this.#release(call);
    if (this.#probes?.delete(call)) shard.calls.endProbe(frame.prefill);
    this.#feed(event);
  }

  async #wait(wait: Wait): Promise<void> {
    const { fleet } = this.ledger.step;
    const signal = this.#signalFor(wait);
    await delay(wait.ms, undefined, { signal }).catch(() => {}); // an abort ends the wait; next.ts handles it
    if (wait.until !== undefined) {
      const ms = Math.max(0, wait.until - performance.now());
      await fleet.until(() => isBack(this.ledger, wait), ms, signal);
    }
    this.#release(wait);
    this.#feed({ type: 'waited', wait });
  }

  #cancel(entry: Call | Wait, isBeaten: boolean): void {
    const mayProbe = isBeaten && entry.type === 'call' && !this.#signal.aborted;
    if (mayProbe && entry.shard.calls.startProbe(entry.frame.prefill)) {
      this.#probes ??= new Set();
      this.#probes.add(entry);
    } else this.#controllers?.get(entry)?.abort();
  }

  #blame({ shard, frame }: Call, reason: string): void {
    const { layer } = this.ledger.step;
    const experts = new Set(frame.asks.filter((_, i) => i % 2 === 1));
    const units = Array.from(experts, (expert) => ({ layer, expert }));
    shard.suspect(reason, units);
  }

  async #askOpinion(audit: Audit): Promise<void> {
    const { step, now, deadlineAt } = this.ledger;
    const { attempt } = audit.call;
    const opinion = new Driver(openLedger(step, now, deadlineAt), this.#signal);
    this.#opinions ??= new Map();
    this.#opinions.set(audit, opinion);
    await opinion.run(audit.doubted, { ...attempt, beside: [...attempt.beside, audit.call] });
    this.#feed({ type: 'opinion', audit, pieces: opinion.ledger.pieces });
  }

  async #judge(audit: Audit, difference: Difference): Promise<void> {
    const { step, deadlineAt } = this.ledger;
    const inquiry = { step, deadlineAt, lostMs: audit.lostMs, signal: this.#signal };
    const wrongShard = await findWrongShard(difference, inquiry);
    this.#feed({ type: 'judged', audit, wrongShard });
  }

  /** One timer serves all calls and audits. It fires when the first of them is due, and is then set again. */
  #setAlarm(): void {
    const { open, audits } = this.ledger;
    let at = Number.POSITIVE_INFINITY;
    for (const entry of open) if (entry.type === 'call') at = Math.min(at, entry.wakeAt);
    for (const { wakeAt } of audits) at = Math.min(at, wakeAt);
    if (at >= this.#alarmAt) return;
    this.#callOffAlarm?.();
    this.#alarmAt = at;
    this.#callOffAlarm = afterSockets(at - performance.now(), (firedAt) => this.#wake(firedAt));
  }

  #wake(firedAt: number): void {
    const { open, audits } = this.ledger;
    this.#alarmAt = Number.POSITIVE_INFINITY;
    const isDue = ({ wakeAt }: { wakeAt: number }) => wakeAt < firedAt + TIMER_SLACK_MS;
    for (const call of open.filter((entry) => entry.type === 'call').filter(isDue)) {
      this.#feed({ type: 'overdue', call });
    }
    for (const audit of audits.filter(isDue)) this.#feed({ type: 'unjudged', audit });
    this.#setAlarm();
  }

  #signalFor(entry: Call | Wait): AbortSignal {
    const controller = new AbortController();
    this.#controllers ??= new Map();
    this.#controllers.set(entry, controller);
    if (this.#signal.aborted) controller.abort();
    else if (this.#onAbort === undefined) {
      this.#onAbort = () => this.#cancelAll();
      this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    return controller.signal;
  }

  #release(entry: Call | Wait): void {
    this.#controllers?.delete(entry);
    if (isDone(this.ledger)) this.#unlisten();
  }

  /** Keeps listening while a probe runs, because an abort by the caller ends the probe too. */
  #unlisten(): void {
    if (this.#onAbort === undefined || this.#controllers?.size !== 0) return;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#onAbort = undefined;
  }

  #cancelAll(): void {
    for (const controller of this.#controllers?.values() ?? []) controller.abort();
  }
}
