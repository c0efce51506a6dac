// All shards of a gateway: their states, the replicas that they hold, and the units that are missing.
import { printable } from '../base/text.ts';
import { formatId } from '../experts/placing/placement-id.ts';
import { type HoldingRange, toRanges } from '../experts/runs.ts';
import type { ModelShape } from '../experts/wire/model.ts';
import type { RpcError } from '../rpc/errors.ts';
import { type CallCounters, type CallPolicy, defaultPolicy, LatencyGroups } from './call-policy.ts';
import { Changes } from './changes.ts';
import { Budget, Sample } from './delivery/budget.ts';
import type { Replicas } from './delivery/ladder.ts';
import type { Latencies } from './delivery/timing.ts';
import { Epochs } from './epochs.ts';
import { FailureLog } from './failure-log.ts';
import { RedundancyReport } from './redundancy.ts';
import { type MissingUnits, ReplicaTable, type Source } from './replica-table.ts';
import { numericsClassesOf, type ShardStatus, statusOf } from './shard-status.ts';
import { Dials } from './shards/dials.ts';
import type { Driver, FleetLog } from './shards/driver.ts';
import type { Goldens } from './shards/golden-checks.ts';
import type { Member } from './shards/member.ts';
import { defaultPace, type Pace } from './shards/pace.ts';
import { Shard } from './shards/shard.ts';
import { noCounters, type ShardCounters, sumOf } from './shards/shard-counters.ts';

export interface FleetOptions {
  members: readonly Member[];
  model: ModelShape;
  /** Identities of the other models that this gateway serves with the same members. */
  siblings?: readonly string[];
  /** Where this gateway runs, such as `eu`. Shards of other zones are called only for units that no near shard serves. */
  zone?: string | undefined;
  /** Release of this gateway, which is sent to the shards. */
  version?: string;
  log?: FleetLog;
  /** Absent: shards are trusted without golden checks. */
  goldens?: Goldens | undefined;
  /** Bytes of one unit's weights in this gateway's bundle. */
  unitBytes?: number;
  policy?: Partial<CallPolicy>;
  pace?: Partial<Pace>;
  /** Returns a number in [0, 1). */
  random?: () => number;
}

/** Most characters of a log line. The rest is cut off. */
const LONGEST_LINE = 600;

const noReplicas: Replicas<Shard> = { exact: [], otherClass: [], standby: [] };

export class Fleet {
  readonly policy: CallPolicy;
  readonly hedges: Budget;
  readonly audits: Sample;
  readonly random: () => number;
  readonly calls: CallCounters = { retried: 0, hedged: 0, hedgeWins: 0, audited: 0, mismatches: 0 };
  /** Milliseconds that this thread has slept in exchanges (delivery/exchange.ts). */
  sleptMs = 0;
  /** Numerics classes of the connected shards. While none is connected, those of the last ones, because units keep their classes. */
  numericsClasses: readonly string[] = [];
  readonly log: FleetLog;
  readonly goldens: Goldens | undefined;
  readonly #options: Omit<FleetOptions, 'members'> & { version: string; pace: Pace };
  readonly #epochs: Epochs;
  #shards: Shard[] = [];
  /** Shards that are no longer members but still have calls in flight. */
  readonly #leaving = new Set<Shard>();
  /** Counters of shards that have left, summed. */
  #past = noCounters();
  readonly #changes = new Changes();
  /** Built on first use after a change. */
  #replicaTable: ReplicaTable<Shard> | undefined;
  /** `[layers * experts]`: the numerics class of each unit's exact replicas. */
  readonly #classes: (string | undefined)[] = [];
  readonly #latencies: LatencyGroups;
  readonly #dials = new Dials();
  readonly #failures = new FailureLog();
  readonly #redundancy = new RedundancyReport();
  #redundancyLook: NodeJS.Timeout | undefined;
  #closed = false;

  /** Starts connecting to every member. */
  constructor({ members, ...options }: FleetOptions) {
    const { model, version = 'unknown', log: write = () => {}, random = Math.random } = options;
    // Shards supply parts of many log lines, so lines are made printable.
    const log: FleetLog = (level, message) => write(level, printable(message, LONGEST_LINE));
    this.#options = { ...options, version, pace: { ...defaultPace, ...options.pace } };
    this.#epochs = new Epochs(model, ({ address }, reason) =>
      log('warn', `the placement of shard ${address} is ignored: ${reason}`),
    );
    this.policy = { ...defaultPolicy, ...options.policy };
    this.hedges = new Budget(this.policy.hedgeBudget);
    this.audits = new Sample(this.policy.auditShare, random);
    this.#latencies = new LatencyGroups(this.policy);
    this.random = random;
    this.log = log;
    this.goldens = options.goldens;
    this.setMembers(members);
  }

  /** Connects to new members. Removed members get no new calls and are disconnected when their calls end. */
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

  /** Times of calls to shards of this zone. */
  get latencies(): Latencies {
    return this.#latencies.near;
  }

  /** Epoch of the placement that this gateway acts on; 0 if there is none. */
  get epoch(): number {
    return this.#epochs.epoch;
  }

  /** The shards that can be called for the unit. */
  replicas(layer: number, expert: number): Replicas<Shard> {
    return this.#table.of(layer, expert) ?? noReplicas;
  }

  /** True if some unit has a second exact replica. */
  get replicated(): boolean {
    return this.#table.replicated;
  }

  /** True if every unit has an exact replica that can be called. */
  get ready(): boolean {
    return this.#table.whole;
  }

  /** True if every row that allows `level` of the ladder (ladder.ts) can be answered. */
  readyFor(level: number): boolean {
    return this.#table.readyFor(level);
  }

  /** Units without an exact replica, by layer. */
  missing(): MissingUnits[] {
    return this.#table.missing();
  }

  /** Units with exactly one exact replica, by layer. */
  single(): MissingUnits[] {
    return this.#table.single();
  }

  /** Units that only shards of other zones serve, by layer. */
  borrowed(): MissingUnits[] {
    return this.#table.borrowed();
  }

  /** `[layers * experts]`, number of exact replicas of each unit. */
  holders(): number[] {
    return this.#table.holders();
  }

  /** `[layers * experts]`, which shards serve each unit exactly. */
  sources(): Source[] {
    return this.#table.sources();
  }

  /**
   * If a unit's numerics class has no shard left, or none in this zone, gives the unit the class of the shards that are present. Call
   * this only while no sequence is running, because it changes the bits of later answers.
   */
  settleClasses(): void {
    const { experts } = this.#options.model;
    const changed = this.#table.unsettled();
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
    return this.#shards.map((shard) => statusOf(shard, this.#options.model, this.#options.unitBytes));
  }

  noteFailure(failure: { layer: number; rows: number; error: RpcError }): void {
    const line = this.#failures.line(failure, performance.now());
    if (line !== undefined) this.log('warn', line);
  }

  /** Counters summed over all shards, since the start. */
  get counters(): ShardCounters {
    const present = [...this.#leaving, ...this.#shards].map(({ counters }) => counters);
    return sumOf([this.#past, ...present]);
  }

  /** Calls `listener` after every change of holdings or connections. Returns a function that removes it. */
  onChange(listener: () => void): () => void {
    return this.#changes.listen(listener);
  }

  /** Resolves to true once the fleet is `ready`, or to false after `withinMs`. */
  whenReady(withinMs: number): Promise<boolean> {
    return this.until(() => this.ready, withinMs);
  }

  /** See `Changes.until`. */
  until(holds: () => boolean, withinMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.#changes.until(holds, withinMs, signal);
  }

  /** Rejects all calls in flight and stops reconnecting. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#redundancyLook);
    for (const shard of [...this.#shards, ...this.#leaving]) shard.close();
    this.#replicaTable = undefined;
  }

  async #leave(shard: Shard): Promise<void> {
    this.#leaving.add(shard);
    await shard.retire();
    this.#leaving.delete(shard);
    this.#past = sumOf([this.#past, shard.counters]);
  }

  #newShard(member: Member): Shard {
    return new Shard({
      ...this.#options,
      member,
      log: this.log,
      latenciesOf: (shard) => this.#latencies.of(shard),
      dials: this.#dials,
      isNeeded: (lastHeld) => this.#table.lacksAnyOf(lastHeld),
      onChange: () => this.#changed(),
      lostWithout: (shard, holdings) => this.#lostWithout(shard, holdings),
    });
  }

  /** Only exact replicas count, as in `missing`. */
  #lostWithout(shard: Driver, holdings: readonly HoldingRange[]) {
    if (shard.standby) return { alone: [], contested: false };
    const alone = this.#table.onlyIn(holdings, (other) => other !== shard && !other.mayLeave);
    const withLeaving = this.#table.onlyIn(holdings, (other) => other !== shard);
    return {
      alone: toRanges(alone, this.#options.model.experts),
      contested: withLeaving.length < alone.length,
    };
  }

  #changed(): void {
    this.#replicaTable = undefined;
    const present = numericsClassesOf(this.#shards);
    if (present.length > 0) this.numericsClasses = present;
    this.#followPlacements();
    this.#lookAtRedundancySoon();
    this.#changes.tell();
  }

  #lookAtRedundancySoon(): void {
    if (this.#closed) return;
    this.#redundancyLook ??= setTimeout(() => {
      this.#redundancyLook = undefined;
      const { zone, model } = this.#options;
      const seen = { holders: this.holders(), sources: this.sources() };
      for (const { level, message } of this.#redundancy.look(seen, { experts: model.experts, zone }))
        this.log(level, message);
    }, this.#options.pace.redundancyMs).unref();
  }

  /** Adopts the latest placement whose units are all served, and sends its id to the shards. Each zone has its own placement. */
  #followPlacements(): void {
    const proper = this.#shards.filter(({ standby, isNear }) => !standby && isNear);
    const adopted = this.#epochs.learn(proper);
    const { id } = this.#epochs;
    if (adopted) this.log('info', `placement ${formatId(id)} is served whole and acted on`);
    for (const shard of this.#shards) {
      const { name, placement } = shard;
      shard.sendPlacement(id, name === undefined ? undefined : this.#epochs.newerFor(name, placement));
    }
  }

  get #table(): ReplicaTable<Shard> {
    this.#replicaTable ??= new ReplicaTable({
      shape: this.#options.model,
      holders: this.policy.remoteHops > 0 ? this.#shards : this.#shards.filter(({ isNear }) => isNear),
      classes: this.#classes,
      stays: (name, unit) => this.#epochs.stays(name, unit),
    });
    return this.#replicaTable;
  }
}
