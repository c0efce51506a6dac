// A fleet in which every step is an event of its own: operators, gateways and shards that decide by the same rules as the
// real ones, over connections that carry words in order, late or not at all. Knows no clock, no sockets and no disk.

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
/** Sets of units are bits. */
type Units = number;

/** Longer than any rule waits. Milliseconds. */
const LONG = 10_000;

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

type Word = { type: 'placement'; placement: Placement | undefined } | { type: 'holdings'; held: Units };
type Order = { type: 'adopted'; id: PlacementId } | { type: 'place'; placement: Placement };

/** Of one gateway to one shard. */
interface Connection {
  toGateway: Word[];
  toShard: Order[];
  /** What the gateway knows of the shard. */
  placement: Placement | undefined;
  held: Units;
  /** What the gateway told last, by hash. */
  acted: string | undefined;
  brought: string | undefined;
}

interface Gateway {
  epochs: Epochs;
  connections: (Connection | undefined)[];
}

interface Operator {
  step: 'reading' | 'first' | 'others' | 'watching';
  /** Shards that were read, or have been asked to take the placement, by number. */
  asked: Set<number>;
  read: (Placement | undefined)[];
  reports: (PlacedReport | undefined)[];
  placement: Placement | undefined;
  from: PlacementId;
  connection: object;
}

/** `hear`, `heed`, `fill` and `run` are several of the finer events at once, as when nothing is late for a while. */
export type EventKind =
  | 'operate'
  | 'run'
  | 'strew'
  | 'die'
  | 'answer'
  | 'hear'
  | 'obey'
  | 'heed'
  | 'load'
  | 'fill'
  | 'go'
  | 'flush'
  | 'cut'
  | 'connect'
  | 'kill'
  | 'restart'
  | 'forget'
  | 'stall'
  | 'flow';

export class PlacementFleet {
  readonly shards: Shard[];
  readonly gateways: Gateway[];
  readonly operators: Operator[];
  /** How often anything was let go, an operator was refused, and a shard turned to another placement of one epoch. */
  letGo = 0;
  conflicts = 0;
  ties = 0;
  readonly #placements = new Map<string, Placement>();
  readonly #wanted: readonly (readonly Units[])[];
  /** Words and placements for this shard wait, while all others go on. */
  #stalled: number | undefined;
  #now = 0;
  #planned = 0;

  /** `first[unit]`, who holds it at the start; `wanted[n][unit]`, who is to hold it by the nth plan. By number. */
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

  /** One event; what it is about is chosen by two numbers. An event that cannot happen now does nothing. */
  happen(kind: EventKind, one: number, other: number): void {
    const shard = other % this.shards.length;
    const gateway = one % this.gateways.length;
    const operator = one % this.operators.length;
    const events: Record<EventKind, () => void> = {
      operate: () => this.#operate(operator, shard),
      run: () => this.#each('shards', (i) => this.#operate(operator, (shard + i) % this.shards.length)),
      strew: () => this.#strew(shard, one),
      die: () => this.#end(operator),
      answer: () => this.#answer(gateway, shard),
      hear: () => this.#each('shards', (i) => this.#answerAll(gateway, i)),
      obey: () => this.#obey(gateway, shard),
      heed: () => this.#each('gateways', (i) => this.#obeyAll(i, shard)),
      load: () => this.#load(shard),
      fill: () => this.#fill(shard),
      go: () => this.#go(shard),
      flush: () => this.#flush(shard),
      cut: () => this.#cut(gateway, shard),
      connect: () => this.#connect(gateway, shard),
      kill: () => this.#kill(shard),
      restart: () => this.#restart(shard),
      forget: () => this.#forget(gateway),
      stall: () => {
        this.#stalled = shard;
      },
      flow: () => {
        this.#stalled = undefined;
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

  /** Throws if no shard holds some unit, or if none would hold it were all killed now and started again. */
  #check(): void {
    let safe = 0;
    for (const { alive, held, disk } of this.shards) safe |= alive ? held & disk.held : disk.held;
    if (safe !== everything)
      throw new Error(`of ${everything.toString(2)} only ${safe.toString(2)} are held`);
  }

  /** Everybody is there, and all that is under way arrives. Returns after how many rounds nothing changed any more. */
  settle(): number {
    for (const operator of this.operators.keys()) this.#end(operator);
    this.#stalled = undefined;
    for (let round = 0; ; round++) {
      const before = this.#picture();
      this.#now += LONG;
      for (const shard of this.shards.keys()) this.#restart(shard);
      this.#deliverAll();
      for (const shard of this.shards.keys()) {
        this.#fill(shard);
        this.#go(shard);
        this.#flush(shard);
      }
      if (this.#picture() === before) return round;
      if (round > 50) throw new Error('the fleet does not come to rest');
    }
  }

  #deliverAll(): void {
    for (let words = 1; words > 0; ) {
      words = 0;
      for (const gateway of this.gateways.keys()) {
        for (const shard of this.shards.keys()) {
          this.#connect(gateway, shard);
          const { toGateway, toShard } = this.gateways[gateway]!.connections[shard]!;
          words += toGateway.length + toShard.length;
          this.#answer(gateway, shard);
          this.#obey(gateway, shard);
        }
      }
    }
  }

  #picture(): string {
    const shards = this.shards.map(({ placement, held }) => `${idOf(placement).hash} ${held}`);
    return [...shards, ...this.gateways.map(({ epochs }) => epochs.id.hash)].join('\n');
  }

  // A shard.

  #take(shard: number, placement: Placement, from?: PlacementId): 'new' | 'known' | 'refused' {
    const self = this.shards[shard]!;
    const { kind } = judgePlacement({ placement, follows: self.placement, from });
    if (kind !== 'new') return kind;
    if (self.placement?.epoch === placement.epoch) this.ties++;
    self.disk = { placement, held: self.held };
    self.placement = placement;
    self.adoptions.follow(idOf(placement));
    this.#tell(shard, { type: 'placement', placement });
    return kind;
  }

  #wants({ name, placement, held }: Shard): Units {
    return placement === undefined ? held : bitsOf(placement, name);
  }

  #missing(shard: Shard): Units {
    return this.#wants(shard) & ~shard.held;
  }

  #load(shard: number): void {
    const self = this.shards[shard]!;
    const missing = this.#missing(self);
    if (!self.alive || missing === 0) return;
    const held = self.held | (missing & -missing);
    self.disk = { placement: self.placement, held }; // kept before it is told
    self.held = held;
    this.#tell(shard, { type: 'holdings', held });
  }

  #fill(shard: number): void {
    const self = this.shards[shard]!;
    while (self.alive && this.#missing(self) !== 0) this.#load(shard);
  }

  #go(shard: number): void {
    const self = this.shards[shard]!;
    const surplus = self.held & ~this.#wants(self);
    if (!self.alive || surplus === 0 || this.#missing(self) !== 0) return;
    if (!self.adoptions.reached(this.#now)) return;
    self.held &= ~surplus;
    this.letGo++;
    this.#tell(shard, { type: 'holdings', held: self.held });
  }

  #flush(shard: number): void {
    const self = this.shards[shard]!;
    if (self.alive) self.disk = { placement: self.placement, held: self.held };
  }

  #kill(shard: number): void {
    this.shards[shard]!.alive = false;
    for (const gateway of this.gateways.keys()) this.#cut(gateway, shard);
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

  #tell(shard: number, word: Word): void {
    for (const { connections } of this.gateways) connections[shard]?.toGateway.push(word);
  }

  // A gateway.

  #connect(gateway: number, shard: number): void {
    const { connections } = this.gateways[gateway]!;
    const { alive, placement, held } = this.shards[shard]!;
    if (!alive || connections[shard] !== undefined) return;
    const hello: Word[] = [
      { type: 'placement', placement },
      { type: 'holdings', held },
    ];
    const untold = { acted: undefined, brought: undefined };
    connections[shard] = { toGateway: hello, toShard: [], placement: undefined, held: 0, ...untold };
  }

  #cut(gateway: number, shard: number): void {
    const { connections } = this.gateways[gateway]!;
    const connection = connections[shard];
    if (connection === undefined) return;
    connections[shard] = undefined;
    this.shards[shard]!.adoptions.leave(connection);
  }

  #forget(gateway: number): void {
    for (const shard of this.shards.keys()) this.#cut(gateway, shard);
    this.gateways[gateway] = newGateway();
  }

  /** The gateway hears a word, looks at all shards anew, and tells them. */
  #answer(gateway: number, shard: number): void {
    const { epochs, connections } = this.gateways[gateway]!;
    const heard = connections[shard];
    const word = heard?.toGateway.shift();
    if (heard === undefined || word === undefined) return;
    if (word.type === 'placement') heard.placement = word.placement;
    else heard.held = word.held;
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

  #answerAll(gateway: number, shard: number): void {
    const { connections } = this.gateways[gateway]!;
    while ((connections[shard]?.toGateway.length ?? 0) > 0) this.#answer(gateway, shard);
  }

  #obeyAll(gateway: number, shard: number): void {
    const connection = this.gateways[gateway]!.connections[shard];
    for (let orders = connection?.toShard.length ?? 0; orders > 0; orders--) this.#obey(gateway, shard);
  }

  #obey(gateway: number, shard: number): void {
    const connection = this.gateways[gateway]!.connections[shard];
    const order = shard === this.#stalled ? undefined : connection?.toShard.shift();
    if (connection === undefined || order === undefined) return;
    if (order.type === 'adopted') this.shards[shard]!.adoptions.say(connection, order.id, this.#now);
    else this.#take(shard, order.placement);
  }

  // An operator's command. A word to a shard and its answer are one event; that the answer is lost is another.

  #operate(operator: number, shard: number): void {
    const self = this.operators[operator]!;
    const steps: Record<Operator['step'], () => 'goes on' | 'ends'> = {
      reading: () => this.#read(self, shard),
      first: () => this.#askFirst(self),
      others: () => this.#askOther(self, shard),
      watching: () => this.#watch(self, shard),
    };
    if (steps[self.step]() === 'ends') this.#end(operator);
  }

  #read(self: Operator, shard: number): 'goes on' | 'ends' {
    const { alive, placement } = this.shards[shard]!;
    if (!alive) return 'ends'; // with an error
    self.asked.add(shard);
    self.read[shard] = placement;
    if (self.asked.size === this.shards.length) this.#plan(self);
    return 'goes on';
  }

  #askFirst(self: Operator): 'goes on' | 'ends' {
    const { first } = askedInTurn([...this.shards.keys()], (i) => names[i]!);
    if (!this.shards[first]!.alive) return 'ends';
    if (this.#take(first, self.placement!, self.from) === 'refused') {
      this.conflicts++;
      return 'ends';
    }
    self.asked = new Set([first]);
    self.step = 'others';
    return 'goes on';
  }

  #askOther(self: Operator, shard: number): 'goes on' | 'ends' {
    if (shard === this.#stalled) return 'goes on';
    const isNew = !self.asked.has(shard) && this.shards[shard]!.alive;
    if (isNew && this.#take(shard, self.placement!, self.from) === 'refused') return 'ends';
    self.asked.add(shard);
    if (self.asked.size === this.shards.length) this.#watchAnew(self);
    return 'goes on';
  }

  #watch(self: Operator, shard: number): 'goes on' | 'ends' {
    const id = idOf(self.placement);
    const report = this.#look(self.placement!, shard);
    self.asked.add(shard);
    self.reports[shard] = report;
    if (report !== undefined && standingOf(report, id) === 'replaced') return 'ends';
    if (self.asked.size < this.shards.length) return 'goes on';
    const progress = progressOf(self.reports);
    if (progress === 'whole') return 'ends';
    if (progress === 'loaded') {
      for (const { alive, adoptions } of this.shards) {
        if (alive) adoptions.say(self.connection, id, this.#now);
      }
    }
    this.#watchAnew(self);
    return 'goes on';
  }

  /**
   * A command of an older release, which says nothing of what it has planned from, reaches some of the shards and is killed.
   * It may have known of the latest placement or not.
   */
  #strew(known: number, reached: number): void {
    const placement = this.#newPlacement(idOf(this.shards[known]!.placement).epoch + 1);
    this.#planned++;
    for (const shard of this.shards.keys()) {
      const { alive } = this.shards[shard]!;
      if (alive && shard !== this.#stalled && reached & (1 << shard)) this.#take(shard, placement);
    }
  }

  #end(operator: number): void {
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

  /** One object for one placement, so that each is hashed once. */
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

  #watchAnew(self: Operator): void {
    self.step = 'watching';
    self.asked = new Set();
    self.reports = [];
  }

  #look(placement: Placement, shard: number): PlacedReport | undefined {
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
