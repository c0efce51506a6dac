// The golden checks of a shard: a sample before it serves, and one unit after another while it serves. Knows no sockets.

import type { Bundle } from '../../model/bundle/bundle.ts';
import { openGoldens } from '../../model/bundle/goldens.ts';
import type { ExpertDevice, Unit } from '../../model/devices/expert.ts';
import { type Checked, checkInRounds, findFault, sampleUnits } from './golden-check.ts';

/** Units checked before the shard serves, at least one per layer. At full size that reads 120 MB from a cold disk. */
const CHECKED_FIRST = 64;

export interface GoldenChecks {
  /** Rejects if the unit, which the device has loaded, is wrong. */
  check(unit: Unit): Promise<void>;
  /** Checks one of the held units every `everyMs` from now on; never if that is 0. */
  goOn(everyMs: number, units: () => readonly Unit[], onFault: (fault: string) => void): void;
  /** Resolves when no check is running. */
  stop(): Promise<void>;
}

/** Checks a sample at once, and throws if a unit is wrong. Undefined if the bundle has no golden rows. */
export async function checkGoldens(
  bundle: Bundle,
  device: ExpertDevice,
  units: readonly Unit[],
): Promise<GoldenChecks | undefined> {
  const goldens = await openGoldens(bundle);
  if (goldens === undefined) return undefined;
  const checked: Checked = { device, goldens, bits: bundle.bits };
  const perLayer = Math.max(1, Math.floor(CHECKED_FIRST / bundle.config.layers));
  const fault = await findFault(checked, sampleUnits(units, perLayer));
  if (fault !== undefined) throw new Error(`${bundle.dir}: ${fault}; this shard does not serve`);
  let rounds: ReturnType<typeof checkInRounds> | undefined;
  return {
    async check(unit) {
      const wrong = await findFault(checked, [unit]);
      if (wrong !== undefined) throw new Error(`${bundle.dir}: ${wrong}`);
    },
    goOn(everyMs, units, onFault) {
      if (everyMs > 0) rounds = checkInRounds({ ...checked, units, everyMs, onFault });
    },
    async stop() {
      await rounds?.stop();
    },
  };
}
