// Carries out what next.ts says and tells it what happens. Holds the timers, signals and promises of a layer's delivery, and
// makes no decisions.
import { setTimeout as delay } from 'node:timers/promises';
import { afterSockets } from '../../rpc/deadline.ts';
import { toRpcError } from '../../rpc/errors.ts';
import { askFrame, findLiar, rowsOf } from './inquiry.ts';
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

/** Node counts the time of timers in whole milliseconds, so one may fire so much earlier than it was asked for. */
const TIMER_SLACK_MS = 1;

export class Driver {
  readonly ledger: Ledger;
  /** Aborted when the caller gives up. */
  readonly #signal: AbortSignal;
  readonly #done = Promise.withResolvers<void>();
  /** For calls and waits that can be cancelled separately. A call that nothing else could replace has the caller's signal. */
  #controllers: Map<Call | Wait, AbortController> | undefined;
  #onAbort: (() => void) | undefined;
  #opinions: Map<Audit, Driver> | undefined;
  /** Calls that run on although another shard has answered (`Shard.watches`). */
  #watched: Set<Call> | undefined;
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

  /** Cancels what is under way. */
  abandon(): void {
    this.ledger.open = [];
    this.#cancelAll();
    this.#end();
  }

  #feed(event: Event): void {
    try {
      this.ledger.now = performance.now();
      this.ledger.isAborted = this.#signal.aborted;
      for (const action of next(this.ledger, event)) this.#carryOut(action);
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

  #carryOut(action: Action): void {
    switch (action.type) {
      case 'send':
        void this.#send(action.call);
        break;
      case 'wait':
        void this.#wait(action.wait);
        break;
      case 'cancel':
        this.#cancel(action.entry, action.isBeaten);
        break;
      case 'blame': {
        const { shard, frame } = action.call;
        const { layer } = this.ledger.step;
        const experts = new Set(frame.asks.filter((_, i) => i % 2 === 1));
        shard.suspect(
          action.error.message,
          [...experts].map((expert) => ({ layer, expert })),
        );
        break;
      }
      case 'avoid':
        action.shard.noteSilence();
        break;
      case 'ask_opinion':
        void this.#askOpinion(action.audit);
        break;
      case 'judge':
        void this.#judge(action.audit, action.difference);
        break;
      case 'close':
        this.#opinions?.get(action.audit)?.abandon();
        break;
    }
  }

  async #send(call: Call): Promise<void> {
    const { step, deadlineAt } = this.ledger;
    const { frame, shard, attempt, wakeAt } = call;
    const canBeReplaced = wakeAt !== Number.POSITIVE_INFINITY || attempt.beside.length > 0;
    const signal = canBeReplaced ? this.#signalFor(call) : this.#signal;
    let event: Event;
    try {
      const x = rowsOf(frame, step);
      const deadlineMs = deadlineAt - performance.now();
      const { rows } = await askFrame(step, frame, shard, { x, deadlineMs, signal });
      event = { type: 'answered', call, rows };
    } catch (cause) {
      event = { type: 'failed', call, error: toRpcError(cause) };
    }
    if (canBeReplaced) this.#release(call);
    if (this.#watched?.delete(call)) shard.watched(frame.prefill);
    this.#feed(event);
  }

  async #wait(wait: Wait): Promise<void> {
    const { fleet } = this.ledger.step;
    const signal = this.#signalFor(wait);
    await delay(wait.ms, undefined, { signal }).catch(() => {}); // next.ts looks whether the caller has given up
    if (wait.until !== undefined) {
      const ms = Math.max(0, wait.until - performance.now());
      await fleet.until(() => isBack(this.ledger, wait), ms, signal);
    }
    this.#release(wait);
    this.#feed({ type: 'waited', wait });
  }

  #cancel(entry: Call | Wait, isBeaten: boolean): void {
    if (
      isBeaten &&
      entry.type === 'call' &&
      !this.#signal.aborted &&
      entry.shard.watches(entry.frame.prefill)
    ) {
      this.#watched ??= new Set();
      this.#watched.add(entry);
    } else this.#controllers?.get(entry)?.abort();
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
    const liar = await findLiar(difference, inquiry);
    this.#feed({ type: 'judged', audit, liar });
  }

  /** One timer for all calls: it fires when the first of them is overdue, and is set anew if that one has ended by then. */
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

  /** A call that is watched still ends with its caller. */
  #unlisten(): void {
    if (this.#onAbort === undefined || this.#controllers?.size !== 0) return;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#onAbort = undefined;
  }

  #cancelAll(): void {
    for (const controller of this.#controllers?.values() ?? []) controller.abort();
  }
}
