// Golden checks: whether experts give the answers that are stored in the bundle. Knows no sockets and no files.
import { setTimeout as delay } from 'node:timers/promises';
import { agrees } from '../../model/bundle/golden-agreement.ts';
import type { Goldens } from '../../model/bundle/goldens.ts';
import type { Bits } from '../../model/bundle/tensors.ts';
import type { ExpertDevice, Unit } from '../../model/devices/expert.ts';

export interface Checked {
  device: Pick<ExpertDevice, 'numericsClass' | 'run'>;
  goldens: Goldens;
  /** Bits of the bundle's weights. */
  bits: Bits;
}

/** What is wrong with the first unit that does not give its golden answer; undefined if all do. */
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

function holds(units: readonly Unit[], { layer, expert }: Unit): boolean {
  return units.some((unit) => unit.layer === layer && unit.expert === expert);
}

/** Up to `perLayer` units of each layer, evenly spread over the units that are held. Pure. */
export function sampleUnits(units: readonly Unit[], perLayer: number): Unit[] {
  const layers = Map.groupBy(units, ({ layer }) => layer);
  return [...layers.values()].flatMap((held) => {
    const count = Math.min(perLayer, held.length);
    return Array.from({ length: count }, (_, i) => held[Math.floor(((i + 0.5) * held.length) / count)]!);
  });
}

/** After so many checks in a row that could not be made, the shard is at fault. */
const MOST_FAILURES = 60;

export interface Rounds extends Checked {
  /** The units held now, layer by layer, so that the answers of a layer are read once. */
  units: () => readonly Unit[];
  /** Milliseconds between checks of one unit each. */
  everyMs: number;
  /** Called at most once, with what is wrong or why checks cannot be made; the rounds have then ended. */
  onFault: (fault: string) => void;
}

/** Checks one unit after another, round after round. `stop` resolves when no check is running. */
export function checkInRounds({ units, everyMs, onFault, ...checked }: Rounds): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let failures = 0;
  const rounds = async () => {
    for (let next = 0; !signal.aborted; next++) {
      await delay(everyMs, undefined, { signal, ref: false }).catch(() => signal.aborted); // stopping ends the wait
      if (signal.aborted) return;
      const unit = units()[next % Math.max(1, units().length)];
      if (unit === undefined) continue;
      let fault: string | undefined;
      try {
        fault = await findFault(checked, [unit]);
        failures = 0;
      } catch (cause) {
        // One failed read of the disk does not mean that an expert is damaged, but a disk that keeps failing is of no use.
        if (++failures >= MOST_FAILURES) fault = String(cause);
      }
      // A unit that was unloaded meanwhile is not at fault.
      if (fault !== undefined && holds(units(), unit)) return onFault(fault);
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
