// Golden checks of a shard: they compare the answers of its experts with the answers that are stored in the bundle. A sample of
// units is checked before the shard serves. While it serves, units are checked one after another.
import { setTimeout as delay } from 'node:timers/promises';
import type { Bundle } from '../model/bundle/bundle.ts';
import { agrees } from '../model/bundle/golden-agreement.ts';
import { type Goldens, openGoldens } from '../model/bundle/goldens.ts';
import type { Bits } from '../model/bundle/tensors.ts';
import { unitShape } from '../model/config/model-config.ts';
import type { ExpertDevice, Unit } from '../model/devices/expert.ts';

/** Units checked before the shard serves, at least one of each layer. In a large model, 64 units are about 120 MB on disk. */
const CHECKED_FIRST = 64;
/** The shard is reported as faulty if this many consecutive checks fail with an error. */
const MOST_FAILURES = 60;

interface Checked {
  device: Pick<ExpertDevice, 'numericsClass' | 'run'>;
  goldens: Goldens;
  /** Bits of one weight in the bundle. */
  bits: Bits;
}

export interface GoldenChecks {
  /** The device must have loaded the unit. Rejects if the unit does not give its golden answer. */
  check(unit: Unit): Promise<void>;
  /** From now on, checks one of the held units every `everyMs` milliseconds; 0: no checks. */
  startRounds(everyMs: number, units: () => readonly Unit[], onFault: (fault: string) => void): void;
  /** Resolves when no check is running. */
  stop(): Promise<void>;
}

/** Checks a sample of `units`, and rejects if one of them is wrong. Returns undefined if the bundle has no golden rows. */
export async function checkGoldens(
  bundle: Bundle,
  device: ExpertDevice,
  units: readonly Unit[],
): Promise<GoldenChecks | undefined> {
  const goldens = await openGoldens(bundle);
  if (goldens === undefined) return undefined;
  const checked: Checked = { device, goldens, bits: bundle.bits };
  const perLayer = Math.max(1, Math.floor(CHECKED_FIRST / unitShape(bundle.config).layers));
  const fault = await findFault(checked, sampleUnits(units, perLayer));
  if (fault !== undefined) throw new Error(`${bundle.dir}: ${fault}; this shard does not serve`);
  let rounds: ReturnType<typeof checkInRounds> | undefined;
  return {
    async check(unit) {
      const wrong = await findFault(checked, [unit]);
      if (wrong !== undefined) throw new Error(`${bundle.dir}: ${wrong}`);
    },
    startRounds(everyMs, units, onFault) {
      if (everyMs > 0) rounds = checkInRounds({ ...checked, units, everyMs, onFault });
    },
    async stop() {
      await rounds?.stop();
    },
  };
}

/** Describes the first unit that does not give its golden answer. Returns undefined if all units do. */
export async function findFault(
  { device, goldens, bits }: Checked,
  units: readonly Unit[],
): Promise<string | undefined> {
  const sameClass = device.numericsClass === goldens.numericsClass;
  for (const { layer, expert } of units) {
    const answer = await device.run(layer, goldens.input(layer), Uint16Array.of(0, expert));
    const why = agrees(answer, await goldens.answer(layer, expert), { sameClass, bits });
    if (why !== undefined)
      return `expert ${expert} of layer ${layer} does not give its golden answer: ${why}`;
  }
  return undefined;
}

/** Up to `perLayer` units of each layer, evenly spread over the held units of the layer. Pure. */
export function sampleUnits(units: readonly Unit[], perLayer: number): Unit[] {
  const layers = Map.groupBy(units, ({ layer }) => layer);
  return [...layers.values()].flatMap((held) => {
    const count = Math.min(perLayer, held.length);
    return Array.from({ length: count }, (_, i) => held[Math.floor(((i + 0.5) * held.length) / count)]!);
  });
}

interface Rounds extends Checked {
  /** The units that are held now, sorted by layer, so that the golden rows of a layer are read once a round. */
  units: () => readonly Unit[];
  /** Milliseconds between two checks of one unit each. */
  everyMs: number;
  /** Called at most once, with the description of the fault. The rounds have ended by then. */
  onFault: (fault: string) => void;
}

/** Checks one unit after another, round after round. `stop` resolves when no check is running. */
export function checkInRounds({ units, everyMs, onFault, ...checked }: Rounds): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let failures = 0;
  const rounds = async () => {
    for (let next = 0; !signal.aborted; next++) {
      await delay(everyMs, undefined, { signal, ref: false }).catch(() => {}); // `stop` ends the wait
      if (signal.aborted) return;
      const unit = units()[next % Math.max(1, units().length)];
      if (unit === undefined) continue;
      let fault: string | undefined;
      try {
        fault = await findFault(checked, [unit]);
        failures = 0;
      } catch (cause) {
        // One failed read of the disk does not show that an expert is damaged. A disk on which every read fails is a fault.
        if (++failures >= MOST_FAILURES) fault = String(cause);
      }
      // A unit may be unloaded during its check. The result of that check is ignored.
      const isHeld = units().some(({ layer, expert }) => layer === unit.layer && expert === unit.expert);
      if (fault !== undefined && isHeld) return onFault(fault);
    }
  };
  const ended = rounds();
  return {
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
