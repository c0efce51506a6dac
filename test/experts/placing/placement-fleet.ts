// A simulated fleet of operators, gateways and shards, which decide by the rules of the real ones. Each step is an event that a test
// chooses. Connections deliver messages in order, late or not at all.
import { Adoptions } from '../../../experts/placing/adoptions.ts';
import type { PlacedReport } from '../../../experts/placing/placed-model.ts';
import { type Placement, unitsOf } from '../../../experts/placing/placement-file.ts';
import { compareIds, idOf, type PlacementId } from '../../../experts/placing/placement-id.ts';
import { judgePlacement } from '../../../experts/placing/take-rule.ts';
import type { HoldingRange } from '../../../experts/runs.ts';
import type { ModelShape } from '../../../experts/wire/model.ts';
import { askedInTurn, progressOf, standingOf, startOf } from '../../../infra/moves/apply-rule.ts';
import { Epochs, type SpeakingShard } from '../../../router/epochs.ts';

export const shape: ModelShape = { identity: 'm', layers: 1, experts: 4, hidden: 4 };
export const names = ['a', 'b', 'c', 'd'];
const everything = 0b1111;
/** A set of units; bit n is unit n. */
type Units = number;

/** Longer than any wait in the rules. */
const LONG_MS = 10_000;

interface Disk {
  placement: Placement | undefined;
  held: Units;
}

interface Shard {
  name: string;
  alive: boolean;
  disk: Disk;
  placement: Placement | undefined;
  held: Units;
  adoptions: Adoptions;
}

/** A message from a shard to a gateway. */
type ShardMessage =
  | { type: 'placement'; placement: Placement | undefined }
  | { type: 'holdings'; held: Units };
/** A message from a gateway to a shard. */
type GatewayMessage = { type: 'adopted'; id: PlacementId } | { type: 'place'; placement: Placement };

/** The connection of one gateway to one shard. */
interface Connection {
  toGateway: ShardMessage[];
  toShard: GatewayMessage[];
  /** The placement and the units that the gateway knows of the shard. */
  placement: Placement | undefined;
  held: Units;
  /** Hash of the placement that the gateway stated last. */
  acted: string | undefined;
  /** Hash of the placement that the gateway last sent to the shard. */
  brought: string | undefined;
}

interface Gateway {
  epochs: Epochs;
  connections: (Connection | undefined)[];
}

interface Operator {
  step: 'reading' | 'first' | 'others' | 'watching';
  /** Numbers of the shards that this step has already asked. */
  asked: Set<number>;
  read: (Placement | undefined)[];
  reports: (PlacedReport | undefined)[];
  placement: Placement | undefined;
  from: PlacementId;
  connection: object;
}

/** An event whose name ends in `All` or `Steps` is several events at once, as if no message were late for a while. */
export type EventKind =
  | 'operatorStep'
  | 'operatorSteps'
  | 'oldCommand'
  | 'operatorDies'
  | 'gatewayHears'
  | 'gatewayHearsAll'
  | 'shardHears'
  | 'shardHearsAll'
  | 'shardLoads'
  | 'shardLoadsAll'
  | 'shardUnloads'
  | 'shardSaves'
  | 'disconnect'
  | 'connect'
  | 'kill'
  | 'restart'
  | 'gatewayRestarts'
  | 'pauseShard'
  | 'resumeShard';

export class PlacementFleet {
  readonly shards: Shard[];
  readonly gateways: Gateway[];
  readonly operators: Operator[];
  /** Number of times a shard unloaded units. */
  unloads = 0;
  /** Number of times an operator was refused. */
  conflicts = 0;
  /** Number of times a shard replaced its placement by another one of the same epoch. */
  ties = 0;
  readonly #placements = new Map<string, Placement>();
  readonly #wanted: readonly (readonly Units[])[];
  /** Messages for this shard wait, while messages for other shards arrive. */
  #paused: number | undefined;
  #now = 0;
  #planned = 0;

  /** `first[unit]`: numbers of the shards that hold the unit at the start. `wanted[n][unit]`: the shards of the unit in plan n. */
  constructor(first: readonly (readonly number[])[], wanted: readonly (readonly (readonly number[])[])[]) {
    const unitsPerShard = (holders: readonly (readonly number[])[]) =>
      names.map((_, shard) =>
        holders.reduce((bits, of, unit) => (of.includes(shard) ? bits | (1 << unit) : bits), 0),
      );
    this.#wanted = wanted.map(unitsPerShard);
    this.shards = unitsPerShard(first).map((held, i) => {
      const disk = { placement: undefined, held };
      return { name: names[i]!, alive: true, disk, placement: undefined, held, adoptions: new Adoptions() };
    });
    this.gateways = Array.from({ length: 3 }, () => newGateway());
    this.operators = Array.from({ length: 2 }, () => newOperator());
    this.gateways.forEach((_, gateway) => {
      for (const shard of this.shards.keys()) this.#connect(gateway, shard);
    });
  }

  /** Simulates one event. Two numbers choose its gateway or operator and its shard. An event that is impossible now does nothing. */
  happen(kind: EventKind, one: number, other: number): void {
    const shard = other % this.shards.length;
    const gateway = one % this.gateways.length;
    const operator = one % this.operators.length;
    const events: Record<EventKind, () => void> = {
      operatorStep: () => this.#operatorStep(operator, shard),
      operatorSteps: () =>
        this.#each('shards', (i) => this.#operatorStep(operator, (shard + i) % this.shards.length)),
      oldCommand: () => this.#oldCommand(shard, one),
      operatorDies: () => this.#endOperator(operator),
      gatewayHears: () => this.#gatewayHears(gateway, shard),
      gatewayHearsAll: () => this.#each('shards', (i) => this.#gatewayHearsAll(gateway, i)),
      shardHears: () => this.#shardHears(gateway, shard),
      shardHearsAll: () => this.#each('gateways', (i) => this.#shardHearsAll(i, shard)),
      shardLoads: () => this.#loadOne(shard),
      shardLoadsAll: () => this.#loadAll(shard),
      shardUnloads: () => this.#unload(shard),
      shardSaves: () => this.#save(shard),
      disconnect: () => this.#disconnect(gateway, shard),
      connect: () => this.#connect(gateway, shard),
      kill: () => this.#kill(shard),
      restart: () => this.#restart(shard),
      gatewayRestarts: () => this.#restartGateway(gateway),
      pauseShard: () => {
        this.#paused = shard;
      },
      resumeShard: () => {
        this.#paused = undefined;
      },
    };
    events[kind]();
    this.#check();
  }

  #each(what: 'shards' | 'gateways', act: (index: number) => void): void {
    for (const index of this[what].keys()) {
      act(index);
      this.#check();
    }
  }

  /** Throws if some unit has no holder, or would have none after a restart of all shards. */
  #check(): void {
    let safe = 0;
    for (const { alive, held, disk } of this.shards) safe |= alive ? held & disk.held : disk.held;
    if (safe !== everything)
      throw new Error(`of ${everything.toString(2)} only ${safe.toString(2)} are held`);
  }

  /** Ends all operators, starts all shards and delivers all messages. Returns the number of rounds until nothing changes. */
  settle(): number {
    for (const operator of this.operators.keys()) this.#endOperator(operator);
    this.#paused = undefined;
    for (let round = 0; ; round++) {
      const before = this.#summary();
      this.#now += LONG_MS;
      for (const shard of this.shards.keys()) this.#restart(shard);
      this.#deliverAll();
      for (const shard of this.shards.keys()) {
        this.#loadAll(shard);
        this.#unload(shard);
        this.#save(shard);
      }
      if (this.#summary() === before) return round;
      if (round > 50) throw new Error('the fleet has not settled after 50 rounds');
    }
  }

  #deliverAll(): void {
    for (let messages = 1; messages > 0; ) {
      messages = 0;
      for (const gateway of this.gateways.keys()) {
        for (const shard of this.shards.keys()) {
          this.#connect(gateway, shard);
          const { toGateway, toShard } = this.gateways[gateway]!.connections[shard]!;
          messages += toGateway.length + toShard.length;
          this.#gatewayHears(gateway, shard);
          this.#shardHears(gateway, shard);
        }
      }
    }
  }

  #summary(): string {
    const shards = this.shards.map(({ placement, held }) => `${idOf(placement).hash} ${held}`);
    return [...shards, ...this.gateways.map(({ epochs }) => epochs.id.hash)].join('\n');
  }

  // The rules of a shard.

  #take(shard: number, placement: Placement, from?: PlacementId): 'new' | 'known' | 'refused' {
    const self = this.shards[shard]!;
    const { kind } = judgePlacement({ placement, follows: self.placement, from });
    if (kind !== 'new') return kind;
    if (self.placement?.epoch === placement.epoch) this.ties++;
    self.disk = { placement, held: self.held };
    self.placement = placement;
    self.adoptions.follow(idOf(placement));
    this.#notify(shard, { type: 'placement', placement });
    return kind;
  }

  #wants({ name, placement, held }: Shard): Units {
    return placement === undefined ? held : bitsOf(placement, name);
  }

  #missing(shard: Shard): Units {
    return this.#wants(shard) & ~shard.held;
  }

  #loadOne(shard: number): void {
    const self = this.shards[shard]!;
    const missing = this.#missing(self);
    if (!self.alive || missing === 0) return;
    const held = self.held | (missing & -missing);
    self.disk = { placement: self.placement, held }; // saved before it is announced
    self.held = held;
    this.#notify(shard, { type: 'holdings', held });
  }

  #loadAll(shard: number): void {
    const self = this.shards[shard]!;
    while (self.alive && this.#missing(self) !== 0) this.#loadOne(shard);
  }

  #unload(shard: number): void {
    const self = this.shards[shard]!;
    const surplus = self.held & ~this.#wants(self);
    if (!self.alive || surplus === 0 || this.#missing(self) !== 0) return;
    if (!self.adoptions.reached(this.#now)) return;
    self.held &= ~surplus;
    this.unloads++;
    this.#notify(shard, { type: 'holdings', held: self.held });
  }

  #save(shard: number): void {
    const self = this.shards[shard]!;
    if (self.alive) self.disk = { placement: self.placement, held: self.held };
  }

  #kill(shard: number): void {
    this.shards[shard]!.alive = false;
    for (const gateway of this.gateways.keys()) this.#disconnect(gateway, shard);
  }

  #restart(shard: number): void {
    const self = this.shards[shard]!;
    if (self.alive) return;
    self.alive = true;
    self.placement = self.disk.placement;
    self.held = self.disk.held;
    self.adoptions = new Adoptions();
    self.adoptions.follow(idOf(self.placement));
  }

  #notify(shard: number, message: ShardMessage): void {
    for (const { connections } of this.gateways) connections[shard]?.toGateway.push(message);
  }

  // The rules of a gateway.

  #connect(gateway: number, shard: number): void {
    const { connections } = this.gateways[gateway]!;
    const { alive, placement, held } = this.shards[shard]!;
    if (!alive || connections[shard] !== undefined) return;
    const hello: ShardMessage[] = [
      { type: 'placement', placement },
      { type: 'holdings', held },
    ];
    const untold = { acted: undefined, brought: undefined };
    connections[shard] = { toGateway: hello, toShard: [], placement: undefined, held: 0, ...untold };
  }

  #disconnect(gateway: number, shard: number): void {
    const { connections } = this.gateways[gateway]!;
    const connection = connections[shard];
    if (connection === undefined) return;
    connections[shard] = undefined;
    this.shards[shard]!.adoptions.leave(connection);
  }

  #restartGateway(gateway: number): void {
    for (const shard of this.shards.keys()) this.#disconnect(gateway, shard);
    this.gateways[gateway] = newGateway();
  }

  /** The gateway receives one message, applies its rule to all shards, and sends its messages to them. */
  #gatewayHears(gateway: number, shard: number): void {
    const { epochs, connections } = this.gateways[gateway]!;
    const heard = connections[shard];
    const message = heard?.toGateway.shift();
    if (heard === undefined || message === undefined) return;
    if (message.type === 'placement') heard.placement = message.placement;
    else heard.held = message.held;
    const speaking = connections.flatMap((connection, i): SpeakingShard[] => {
      if (connection === undefined) return [];
      const { placement, held } = connection;
      return [
        { address: names[i]!, name: names[i]!, placement, state: 'available', holdings: rangesOf(held) },
      ];
    });
    epochs.learn(speaking);
    connections.forEach((connection, i) => {
      if (connection === undefined) return;
      if (connection.acted !== epochs.id.hash) {
        connection.acted = epochs.id.hash;
        connection.toShard.push({ type: 'adopted', id: epochs.id });
      }
      const placement = epochs.newerFor(names[i]!, connection.placement);
      if (placement === undefined || connection.brought === idOf(placement).hash) return;
      connection.brought = idOf(placement).hash;
      connection.toShard.push({ type: 'place', placement });
    });
  }

  #gatewayHearsAll(gateway: number, shard: number): void {
    const { connections } = this.gateways[gateway]!;
    while ((connections[shard]?.toGateway.length ?? 0) > 0) this.#gatewayHears(gateway, shard);
  }

  #shardHearsAll(gateway: number, shard: number): void {
    const connection = this.gateways[gateway]!.connections[shard];
    for (let left = connection?.toShard.length ?? 0; left > 0; left--) this.#shardHears(gateway, shard);
  }

  #shardHears(gateway: number, shard: number): void {
    const connection = this.gateways[gateway]!.connections[shard];
    const message = shard === this.#paused ? undefined : connection?.toShard.shift();
    if (connection === undefined || message === undefined) return;
    if (message.type === 'adopted') this.shards[shard]!.adoptions.say(connection, message.id, this.#now);
    else this.#take(shard, message.placement);
  }

  // The rules of an operator's command. A call to a shard and its answer are one event.

  #operatorStep(operator: number, shard: number): void {
    const self = this.operators[operator]!;
    const steps: Record<Operator['step'], () => 'continues' | 'ends'> = {
      reading: () => this.#read(self, shard),
      first: () => this.#askFirst(self),
      others: () => this.#askOther(self, shard),
      watching: () => this.#watch(self, shard),
    };
    if (steps[self.step]() === 'ends') this.#endOperator(operator);
  }

  #read(self: Operator, shard: number): 'continues' | 'ends' {
    const { alive, placement } = this.shards[shard]!;
    if (!alive) return 'ends'; // the command fails
    self.asked.add(shard);
    self.read[shard] = placement;
    if (self.asked.size === this.shards.length) this.#plan(self);
    return 'continues';
  }

  #askFirst(self: Operator): 'continues' | 'ends' {
    const { first } = askedInTurn([...this.shards.keys()], (i) => names[i]!);
    if (!this.shards[first]!.alive) return 'ends';
    if (this.#take(first, self.placement!, self.from) === 'refused') {
      this.conflicts++;
      return 'ends';
    }
    self.asked = new Set([first]);
    self.step = 'others';
    return 'continues';
  }

  #askOther(self: Operator, shard: number): 'continues' | 'ends' {
    if (shard === this.#paused) return 'continues';
    const isNew = !self.asked.has(shard) && this.shards[shard]!.alive;
    if (isNew && this.#take(shard, self.placement!, self.from) === 'refused') return 'ends';
    self.asked.add(shard);
    if (self.asked.size === this.shards.length) this.#watchAgain(self);
    return 'continues';
  }

  #watch(self: Operator, shard: number): 'continues' | 'ends' {
    const id = idOf(self.placement);
    const report = this.#reportOf(self.placement!, shard);
    self.asked.add(shard);
    self.reports[shard] = report;
    if (report !== undefined && standingOf(report, id) === 'replaced') return 'ends';
    if (self.asked.size < this.shards.length) return 'continues';
    const progress = progressOf(self.reports);
    if (progress === 'whole') return 'ends';
    if (progress === 'loaded') {
      for (const { alive, adoptions } of this.shards) {
        if (alive) adoptions.say(self.connection, id, this.#now);
      }
    }
    this.#watchAgain(self);
    return 'continues';
  }

  /**
   * A command of an older release does not state the placement from which it planned. It reaches some of the shards and is then
   * killed. It may or may not have known the latest placement.
   */
  #oldCommand(known: number, reached: number): void {
    const placement = this.#newPlacement(idOf(this.shards[known]!.placement).epoch + 1);
    this.#planned++;
    for (const shard of this.shards.keys()) {
      const { alive } = this.shards[shard]!;
      if (alive && shard !== this.#paused && reached & (1 << shard)) this.#take(shard, placement);
    }
  }

  #endOperator(operator: number): void {
    const { connection } = this.operators[operator]!;
    for (const { adoptions } of this.shards) adoptions.leave(connection);
    this.operators[operator] = newOperator();
  }

  #plan(self: Operator): void {
    const { latest, underWay } = startOf(
      this.shards.map((shard, i) => {
        const surplus = shard.held & ~this.#wants(shard);
        return {
          name: shard.name,
          placement: self.read[i],
          report: { missing: this.#missing(shard), surplus },
        };
      }),
    );
    self.from = idOf(latest);
    self.placement = underWay && this.#planned % 2 === 0 ? latest! : this.#newPlacement(self.from.epoch + 1);
    self.step = 'first';
    self.asked = new Set();
    this.#planned++;
  }

  /** Returns the same object for the same placement, so that each placement is hashed once. */
  #newPlacement(epoch: number): Placement {
    const wanted = this.#planned % this.#wanted.length;
    const key = `${epoch} ${wanted}`;
    const known = this.#placements.get(key);
    if (known !== undefined) return known;
    const shards = names.map((name, i): [string, string] => [name, textOf(this.#wanted[wanted]![i]!)]);
    const placement: Placement = { version: 1, model: 'm', epoch, shards: Object.fromEntries(shards) };
    this.#placements.set(key, placement);
    return placement;
  }

  #watchAgain(self: Operator): void {
    self.step = 'watching';
    self.asked = new Set();
    self.reports = [];
  }

  #reportOf(placement: Placement, shard: number): PlacedReport | undefined {
    if (!this.shards[shard]!.alive) return undefined;
    const report = this.#report(shard);
    if (standingOf(report, idOf(placement)) !== 'again') return report;
    return this.#take(shard, placement) === 'refused' ? undefined : this.#report(shard);
  }

  #report(shard: number): PlacedReport {
    const self = this.shards[shard]!;
    const surplus = self.held & ~this.#wants(self);
    return { model: 'm', ...idOf(self.placement), holdings: '', missing: this.#missing(self), surplus };
  }

  /** The latest placement that any shard follows. */
  latest(): PlacementId {
    return this.shards
      .map(({ placement }) => idOf(placement))
      .reduce((a, b) => (compareIds(a, b) < 0 ? b : a));
  }

  wantedBy(shard: Shard): Units {
    return this.#wants(shard);
  }
}

function newGateway(): Gateway {
  return { epochs: new Epochs(shape), connections: names.map(() => undefined) };
}

function newOperator(): Operator {
  return {
    step: 'reading',
    asked: new Set(),
    read: [],
    reports: [],
    placement: undefined,
    from: { epoch: 0, hash: '' },
    connection: {},
  };
}

function textOf(units: Units): string {
  return [0, 1, 2, 3].filter((unit) => units & (1 << unit)).join(',');
}

const ranges = Array.from({ length: everything + 1 }, (_, units) =>
  [0, 1, 2, 3].filter((unit) => units & (1 << unit)).map((unit): HoldingRange => [0, unit, unit]),
);

function rangesOf(units: Units): readonly HoldingRange[] {
  return ranges[units] ?? [];
}

const bits = new WeakMap<Placement, Map<string, Units>>();

function bitsOf(placement: Placement, name: string): Units {
  let known = bits.get(placement);
  if (known === undefined) {
    known = new Map(
      names.map((each) => {
        const units = unitsOf(placement, each, shape) ?? [];
        return [each, units.reduce((sum, { expert }) => sum | (1 << expert), 0)];
      }),
    );
    bits.set(placement, known);
  }
  return known.get(name) ?? 0;
}
