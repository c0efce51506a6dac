// Whether a shard is believed: proven by golden rows before it is used and ever after, cordoned for a time where it answers
// wrongly, left alone where it does not answer, then proven again. Knows no calls and no sockets.
import type { Conduct } from './conduct.ts';
import type { Link } from './link.ts';
import { type Proof, sampleUnits, type Unit } from './proof.ts';
import type { Responses } from './responses.ts';
import { askInRounds } from './rounds.ts';
import type { ShardCounters } from './shard-counters.ts';
import type { ShardEvent, ShardState } from './states.ts';

/** When shards are looked at again. Milliseconds. */
export interface Pace {
  /** All units of a shard have been asked for once within it. */
  roundMs: number;
  /** Between two golden rows at least. */
  leastPauseMs: number;
  /** Of the first wrong answer. */
  firstCordonMs: number;
  /** Of a golden row's answer. */
  goldenDeadlineMs: number;
  /** Calls may time out for so long, and none be answered, before the shard counts as unresponsive. */
  silentMs: number;
  /** Of a shard that does not answer, for the first time. */
  firstRestMs: number;
  /** What changes of who has a second holder within it, as in a move or while shards connect, is told once. */
  redundancyMs: number;
}

export interface TrialOptions {
  /** Absent: the shard is taken at its word. */
  proof: Proof | undefined;
  /** Takes the place of golden rows where there are none for a shard; absent: it is never asked anything. */
  anyAnswer: Proof | undefined;
  pace: Pace;
  conduct: Conduct;
  counters: ShardCounters;
  responses: Responses;
  /** Some expert that it held has nobody else: it is not left alone for long. */
  isNeeded: () => boolean;
  /** Its state and connection as they are now. */
  now: () => { state: ShardState; link: Link | undefined };
  /** False where the state it is in does not allow it. */
  move: (event: ShardEvent) => boolean;
  /** It may be called from now on. */
  onProven: () => void;
  log: (level: 'info' | 'warn', message: string) => void;
  /** Ends early with the signal. */
  pause: (ms: number) => Promise<void>;
  signal: AbortSignal;
}

/** Golden rows before it is used for the first time, and after it has answered wrongly. */
const firstSample = 8;
const paroleSample = 64;
/** Of one that may be innocent. */
const suspicionMs = 250;
/** Where nothing can tell whether it is, each suspicion lasts twice as long as the one before. */
const longestSuspicionMs = 5_000;
/** Of a shard that does not answer and that some expert has nobody but. */
const neededRestMs = 5_000;
/** Between two looks whether it is needed. */
const lookMs = 50;

export class Trial {
  readonly #options: TrialOptions;
  /** A cordon outlasts a connection to the same process. */
  #cordon = { until: 0, instance: '', shown: false };
  /** A rest outlasts a connection to the same process, too. */
  #rest = { until: 0, instance: '' };
  /** Units to prove first: those of wrong answers. */
  #suspects: Unit[] = [];
  #validations = 0;
  #suspicions = 0;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /** It is connected: proven, or cordoned still. */
  begin(link: Link): void {
    const cordonedMs = this.#cordon.until - performance.now();
    const isSame = this.#cordon.instance === link.instance;
    this.#options.responses.reset(performance.now());
    if (cordonedMs > 0 && isSame && this.#options.move('wrong')) void this.#parole(cordonedMs);
    else if (this.#isResting(link) && this.#options.move('unanswered')) void this.#sitOutRest();
    else this.#prove(link, firstSample);
  }

  /** It did not answer what it was asked: no more calls until its rest is over and it answers golden rows. */
  unanswered(reason: string): void {
    const { now, move, conduct, counters, pace, isNeeded, log } = this.#options;
    if (!move('unanswered')) return;
    counters.silences++;
    const ms = conduct.silence(performance.now(), pace.firstRestMs);
    this.#rest = { until: performance.now() + ms, instance: now().link?.instance ?? '' };
    const forMs = isNeeded() ? Math.min(ms, neededRestMs) : ms;
    log('warn', `is unresponsive and gets no calls for ${forMs / 1_000} s: ${reason}`);
    void this.#sitOutRest();
  }

  #isResting(link: Link): boolean {
    return this.#rest.until > performance.now() && this.#rest.instance === link.instance;
  }

  async #sitOutRest(): Promise<void> {
    const { now, move, pause, responses, isNeeded, signal } = this.#options;
    const { link } = now();
    const { until } = this.#rest;
    const startedAt = performance.now();
    const isOver = (at: number) => at >= until || (at - startedAt >= neededRestMs && isNeeded());
    while (!isOver(performance.now()) && !signal.aborted) {
      await pause(Math.min(lookMs, Math.max(1, until - performance.now())));
    }
    if (link === undefined || now().link !== link || !move('paroled')) return;
    responses.reset(performance.now());
    this.#prove(link, firstSample, { isBack: true });
  }

  /** It has answered wrongly: no more calls until the cordon is over and it is proven again. */
  accuse(reason: string, suspects: readonly Unit[]): void {
    const { now, conduct, pace } = this.#options;
    if (now().state === 'cordoned' && this.#cordon.shown) return; // one event, told by several calls
    const ms = conduct.offend(performance.now(), pace.firstCordonMs);
    this.#cordonFor(ms, reason, suspects, true);
  }

  /**
   * It failed a call, or gave a number that is not finite. The row may be to blame as well as the shard: golden rows, where
   * there are any, tell at once.
   */
  suspect(reason: string, suspects: readonly Unit[]): void {
    const { now, proof } = this.#options;
    const { link } = now();
    const canTell = link !== undefined && proof?.speaksFor(link.offer) === true;
    const ms = canTell ? suspicionMs : Math.min(suspicionMs * 2 ** this.#suspicions++, longestSuspicionMs);
    this.#cordonFor(ms, reason, suspects, false);
  }

  #cordonFor(ms: number, reason: string, suspects: readonly Unit[], shown: boolean): void {
    const { now, move, counters, log } = this.#options;
    const isSuspected = now().state === 'cordoned' && shown;
    if (!isSuspected && !move('wrong')) return;
    counters.cordons++;
    this.#suspects = [...suspects, ...this.#suspects].slice(0, paroleSample);
    this.#cordon = { until: performance.now() + ms, instance: now().link?.instance ?? '', shown };
    log('warn', `is cordoned for ${ms / 1_000} s: ${reason}`);
    void this.#parole(ms);
  }

  async #parole(ms: number): Promise<void> {
    const { now, move, pause, log } = this.#options;
    const { link } = now();
    const { until } = this.#cordon;
    await pause(ms);
    if (this.#cordon.until > until) return; // it was made longer
    if (link === undefined || now().link !== link || !move('paroled')) return;
    log('info', 'is validated again after its cordon');
    this.#prove(link, paroleSample);
  }

  /** Proves it and, once it is proven, goes on asking for one golden row after another. */
  #prove(link: Link, sample: number, { isBack = false } = {}): void {
    const { proof, anyAnswer, move, onProven } = this.#options;
    if (proof?.speaksFor(link.offer) === true) {
      void this.#proveByGoldens(link, proof, sample);
      return;
    }
    // It is taken at its word, but for one that did not answer: it must answer something.
    if (!(isBack && anyAnswer) && move('proven')) onProven();
    if (anyAnswer !== undefined) void this.#proveByGoldens(link, anyAnswer, isBack ? sample : 0);
  }

  async #proveByGoldens(link: Link, proof: Proof, sample: number): Promise<void> {
    const { pace, counters, responses, now, move, onProven, log, pause, signal } = this.#options;
    // One that slept through a cordon is not to go on: with its one unit it would prove what needs a larger sample.
    const validation = ++this.#validations;
    const isOnTrial = () => ['validating', 'available'].includes(now().state);
    await askInRounds({
      proof,
      link,
      first: [...this.#suspects, ...sampleUnits(link.holdings, sample, Math.random())],
      pace,
      pause,
      signal,
      goesOn: () => now().link === link && this.#validations === validation && !signal.aborted && isOnTrial(),
      onAsked: (units) => {
        if (proof !== this.#options.anyAnswer) counters.proofs += units;
      },
      onUnanswered: ({ code }, sentAt) => {
        if (code === 'deadline') counters.timeouts++;
        const why = responses.unanswered({ kind: 'golden', code, sentAt, now: performance.now() });
        if (why !== undefined) this.unanswered(why);
      },
      onRight: () => {
        responses.answered('golden', performance.now());
        if (!move('proven')) return;
        this.#suspects = [];
        onProven();
      },
      onWrong: (fault, units) => this.accuse(`a golden row was answered wrongly: ${fault}`, units),
      onUnable: (message) => log('warn', `cannot be checked: ${message}`),
    });
  }
}
