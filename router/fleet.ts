// All the shards of a gateway: who holds a copy of an expert, what is missing, how they fare. Knows no rows and no sockets.

import { printable } from '../base/text.ts';
import { formatId } from '../experts/placing/placement-id.ts';
import { formatUnits, type HoldingRange, toRanges } from '../experts/runs.ts';
import type { ModelShape } from '../experts/wire.ts';
import type { RpcError } from '../rpc/errors.ts';
import { CopyTable, type MissingUnits } from './copy-table.ts';
import { Budget } from './delivery/budget.ts';
import type { Copies } from './delivery/ladder.ts';
import { Quantile } from './delivery/latency.ts';
import { Sample } from './delivery/sample.ts';
import type { Latencies } from './delivery/timing.ts';
import { Epochs } from './epochs.ts';
import { FailureLog } from './failure-log.ts';
import { heldText } from './held-text.ts';
import { Redundancy } from './redundancy.ts';
import { Dials } from './shards/dials.ts';
import type { FleetLog } from './shards/driver.ts';
import type { Goldens } from './shards/golden-checks.ts';
import type { ShardState } from './shards/life.ts';
import type { Member } from './shards/member.ts';
import { defaultPace, type Pace } from './shards/pace.ts';
import { Shard } from './shards/shard.ts';
import { noCounters, type ShardCounters, sumOf } from './shards/shard-counters.ts';
import { unitsIn } from './shards/units.ts';

/** How much may be spent on a call that is late, and on one that nobody doubts. */
export interface CallPolicy {
  /** Of the calls, how many may be sent to a second shard because the first is late. */
  hedgeBudget: number;
  /** Of the calls, how many are asked of two shards, as far as both hold the rows, and compared; 1 asks every call twice. */
  auditShare: number;
  /** How long a call waits for an expert that no shard serves at the moment. */
  patienceMs: number;
}

/**
 * The patience outlasts a shard of `up` that is started again on a busy machine: up to 5 s before it is started, 4 s until
 * it listens (docs/benchmarks.md), up to 2 s until the gateway connects; and as much again.
 */
export const defaultPolicy: CallPolicy = { hedgeBudget: 0.05, auditShare: 0.001, patienceMs: 20_000 };

export interface FleetOptions {
  members: readonly Member[];
  model: ModelShape;
  /** Identities of the other models that this gateway serves, over the same members. */
  siblings?: readonly string[];
  /** Release of this gateway, told to the shards. */
  version?: string;
  log?: FleetLog;
  /** Absent: shards are trusted without golden checks. */
  goldens?: Goldens | undefined;
  /** Of one unit's weights as this gateway's own bundle has them. */
  unitBytes?: number;
  policy?: Partial<CallPolicy>;
  pace?: Partial<Pace>;
  /** In [0, 1). */
  random?: () => number;
}

export interface ShardStatus {
  address: string;
  state: ShardState;
  /** When it came into this state; milliseconds since the epoch. */
  since: number;
  connected: boolean;
  /** Units (layer, expert) that it can be called for now. */
  units: number;
  /** What it holds as the flag --experts writes it; while it is away, what it held when it was last here. */
  experts: string;
  numericsClass: string | undefined;
  standby: boolean;
  /** Bytes of the weights that it holds; undefined if that is not known: a standby's are of another precision. */
  weightBytes: number | undefined;
  /** Memory of its process; undefined while it is away, and of a shard in this process. */
  residentBytes: number | undefined;
  /** Calls unanswered now. */
  inFlight: number;
  /** Milliseconds that a call of generated rows is expected to take. */
  expectedMs: number;
  counters: ShardCounters;
}

/** Of calls, since the start. */
export interface CallCounters {
  retried: number;
  hedged: number;
  hedgeWins: number;
  audited: number;
  mismatches: number;
}

/** Characters of a line of the log. */
const longestLine = 600;

const nobody: Copies<Shard> = { exact: [], other: [], standby: [] };

export class Fleet {
  readonly policy: CallPolicy;
  readonly latencies: Latencies;
  readonly hedges: Budget;
  readonly audits: Sample;
  readonly random: () => number;
  readonly calls: CallCounters = { retried: 0, hedged: 0, hedgeWins: 0, audited: 0, mismatches: 0 };
  readonly log: FleetLog;
  readonly goldens: Goldens | undefined;
  readonly #options: Omit<FleetOptions, 'members'> & { version: string };
  readonly #model: ModelShape;
  readonly #epochs: Epochs;
  #shards: Shard[] = [];
  /** Members no more, with calls in flight. */
  readonly #leaving = new Set<Shard>();
  /** Sums over shards that have left. */
  #past = noCounters();
  readonly #listeners = new Set<() => void>();
  /** Made anew after a change. */
  #copyTable: CopyTable<Shard> | undefined;
  /** `[layers * experts]`, what decides the bits of the exact copies of each unit. */
  readonly #classes: (string | undefined)[] = [];
  readonly #pace: Pace;
  readonly #dials = new Dials();
  readonly #failures = new FailureLog();
  readonly #redundancy = new Redundancy();
  #redundancyLook: NodeJS.Timeout | undefined;
  #closed = false;

  /** Starts connecting to every member. */
  constructor({ members, ...options }: FleetOptions) {
    const {
      model,
      version = 'unknown',
      log: write = () => {},
      policy,
      goldens,
      random = Math.random,
    } = options;
    // Shards have written a part of many lines.
    const log: FleetLog = (level, message) => write(level, printable(message, longestLine));
    this.#options = { ...options, version };
    this.#pace = { ...defaultPace, ...options.pace };
    this.#model = model;
    this.#epochs = new Epochs(model, ({ address }, reason) =>
      log('warn', `the placement of shard ${address} is ignored: ${reason}`),
    );
    this.policy = { ...defaultPolicy, ...policy };
    this.hedges = new Budget(this.policy.hedgeBudget);
    this.audits = new Sample({ share: this.policy.auditShare, random });
    // Half of the budget is for calls that are late by chance: the other half is there when a shard stumbles.
    const late = 1 - (this.policy.hedgeBudget || defaultPolicy.hedgeBudget) / 2;
    const quantiles = () => ({ median: new Quantile(0.5), late: new Quantile(late) });
    this.latencies = { short: quantiles(), bulk: quantiles() };
    this.random = random;
    this.log = log;
    this.goldens = goldens;
    this.setMembers(members);
  }

  /** Connects to those that are new; those that are gone get no new calls, and are left once theirs have ended. */
  setMembers(members: readonly Member[]): void {
    if (this.#closed) return;
    const wanted = new Set(members.map(({ address }) => address));
    const gone = this.#shards.filter(({ address }) => !wanted.has(address));
    const known = new Set(this.#shards.map(({ address }) => address));
    this.#shards = this.#shards.filter((shard) => !gone.includes(shard));
    for (const shard of gone) void this.#leave(shard);
    for (const member of members) {
      if (known.has(member.address)) continue;
      known.add(member.address);
      this.#shards.push(this.#newShard(member));
    }
    if (gone.length > 0) this.#changed();
  }

  /** Of the placement that is acted on; 0: none. */
  get epoch(): number {
    return this.#epochs.epoch;
  }

  /** The shards that can be called for the unit. */
  copies(layer: number, expert: number): Copies<Shard> {
    return this.#table.of(layer, expert) ?? nobody;
  }

  /** Some unit has a second exact copy. */
  get replicated(): boolean {
    return this.#table.replicated;
  }

  /** Every unit has an exact copy that can be called. */
  get ready(): boolean {
    return this.#table.whole;
  }

  /** Every row can be answered by what `level` of the ladder allows (ladder.ts). */
  readyFor(level: number): boolean {
    return this.#table.readyFor(level);
  }

  /** Units without an exact copy, by layer. */
  missing(): MissingUnits[] {
    return this.#table.missing();
  }

  /** Units that one shard serves and no other, by layer. */
  single(): MissingUnits[] {
    return this.#table.single();
  }

  /** `[layers * experts]`, shards that serve each unit. */
  holders(): number[] {
    return this.#table.holders();
  }

  /**
   * Where no shard of a unit's numerics class is left, the class of those that are there takes its place. Only while no
   * sequence is under way: within one, that would be a change of bits without a word.
   */
  settleClasses(): void {
    if (this.ready) return;
    const { experts } = this.#model;
    const changed = this.#table.ofOtherClasses();
    for (const unit of changed) this.#classes[unit] = undefined;
    if (changed.length === 0) return;
    this.#changed();
    const layers = new Set(changed.map((unit) => Math.floor(unit / experts))).size;
    this.log(
      'warn',
      `${changed.length} experts in ${layers} layers are served by another numerics class from now on`,
    );
  }

  status(): ShardStatus[] {
    return this.#shards.map((shard) => {
      const { address, state, since, connected, numericsClass, standby, residentBytes, inFlight } = shard;
      return {
        address,
        state,
        since,
        connected,
        units: unitsIn(shard.holdings),
        experts: heldText(shard.lastHeld, this.#model),
        numericsClass,
        standby,
        weightBytes: this.#bytesOf(shard),
        residentBytes,
        inFlight,
        expectedMs: shard.cost(),
        counters: { ...shard.counters },
      };
    });
  }

  /** Rows of the layer have no answer and get none any more. */
  noteFailure(failure: { layer: number; rows: number; error: RpcError }): void {
    const line = this.#failures.line(failure, performance.now());
    if (line !== undefined) this.log('warn', line);
  }

  /** Numerics classes of the connected shards but standbys, each once, sorted. */
  get numericsClasses(): string[] {
    const proper = this.#shards.filter(({ standby }) => !standby);
    return [...new Set(proper.flatMap(({ numericsClass }) => numericsClass ?? []))].sort();
  }

  /** Sums over all shards, since the start. */
  get counters(): ShardCounters {
    const present = [...this.#leaving, ...this.#shards].map(({ counters }) => counters);
    return sumOf([this.#past, ...present]);
  }

  /** Told after every change of what is held or connected. Returns a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves to whether every unit has a shard, as soon as that is so, or when `withinMs` have passed. */
  whenReady(withinMs: number): Promise<boolean> {
    return this.until(() => this.ready, withinMs);
  }

  /** Resolves to whether `holds`, asked after every change, or when `withinMs` have passed or the signal is aborted. */
  until(holds: () => boolean, withinMs: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      if (holds()) return resolve(true);
      const settle = () => {
        stop();
        clearTimeout(timer);
        signal?.removeEventListener('abort', settle);
        resolve(holds());
      };
      const timer = setTimeout(settle, withinMs);
      signal?.addEventListener('abort', settle, { once: true });
      const stop = this.onChange(() => {
        if (holds()) settle();
      });
      if (signal?.aborted) settle();
    });
  }

  /** Rejects what is in flight and stops reconnecting. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#redundancyLook);
    for (const shard of [...this.#shards, ...this.#leaving]) shard.close();
    this.#copyTable = undefined;
  }

  async #leave(shard: Shard): Promise<void> {
    this.#leaving.add(shard);
    await shard.retire();
    this.#leaving.delete(shard);
    this.#past = sumOf([this.#past, shard.counters]);
  }

  #bytesOf({ standby, connected, lastHeld }: Shard): number | undefined {
    const { unitBytes } = this.#options;
    return unitBytes === undefined || standby || !connected ? undefined : unitBytes * unitsIn(lastHeld);
  }

  #newShard(member: Member): Shard {
    const { model, siblings, version } = this.#options;
    return new Shard({
      member,
      model,
      siblings,
      version,
      log: this.log,
      latencies: this.latencies,
      dials: this.#dials,
      goldens: this.goldens,
      pace: this.#pace,
      isNeeded: ({ lastHeld }) => this.#table.lacksAnyOf(lastHeld),
      onChange: () => this.#changed(),
      lostWithout: (shard, holdings) => this.#lostWithout(shard, holdings),
    });
  }

  /** Exact copies alone count as holders: what is served by others only is missing, as in `missing`. */
  #lostWithout(shard: Shard, holdings: readonly HoldingRange[]) {
    if (shard.standby) return { alone: [], contested: false };
    const alone = this.#table.onlyIn(holdings, (other) => other !== shard && !other.mayLeave);
    const withLeaving = this.#table.onlyIn(holdings, (other) => other !== shard);
    return { alone: toRanges(alone, this.#model.experts), contested: withLeaving.length < alone.length };
  }

  #changed(): void {
    this.#copyTable = undefined;
    this.#followPlacements();
    this.#lookAtRedundancySoon();
    for (const listener of [...this.#listeners]) listener();
  }

  #lookAtRedundancySoon(): void {
    if (this.#redundancyLook !== undefined || this.#closed) return;
    this.#redundancyLook = setTimeout(() => {
      this.#redundancyLook = undefined;
      const { lost, back } = this.#redundancy.look(this.holders());
      const named = (units: number[]) => formatUnits(toRanges(units, this.#model.experts));
      if (lost.length > 0) this.log('warn', `redundancy is lost: no second shard serves ${named(lost)}`);
      if (back.length > 0) this.log('info', `redundancy is back: a second shard serves ${named(back)}`);
    }, this.#pace.redundancyMs).unref();
  }

  /** Adopts what is served whole by now, and tells the shards. */
  #followPlacements(): void {
    const proper = this.#shards.filter(({ standby }) => !standby);
    const adopted = this.#epochs.learn(proper);
    const { id } = this.#epochs;
    if (adopted) this.log('info', `placement ${formatId(id)} is served whole and acted on`);
    for (const shard of this.#shards) {
      const { name, placement } = shard;
      shard.tellPlacement(id, name === undefined ? undefined : this.#epochs.newerFor(name, placement));
    }
  }

  get #table(): CopyTable<Shard> {
    this.#copyTable ??= new CopyTable({
      shape: this.#model,
      holders: this.#shards,
      classes: this.#classes,
      stays: (name, unit) => this.#epochs.stays(name, unit),
    });
    return this.#copyTable;
  }
}
