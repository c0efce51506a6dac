// A shard's experts held against the bundle's golden rows: before it serves, and while it does. Knows no sockets.

import type { Bundle } from '../../model/bundle/bundle.ts';
import { openGoldens } from '../../model/bundle/goldens.ts';
import type { ExpertDevice, Unit } from '../../model/devices/expert.ts';
import { type Checked, checkInRounds, findFault, sampleUnits } from './golden-check.ts';

/** Units that are checked before it serves, or one a layer where that is more: at full size from a cold disk, 120 MB. */
const CHECKED_FIRST = 64;

export interface GoldenChecks {
  /** Rejects where the unit, which the device has loaded, is wrong. */
  check(unit: Unit): Promise<void>;
  /** From now on, one unit of those that are held each time. */
  goOn(everyMs: number, units: () => readonly Unit[], onFault: (fault: string) => void): void;
  /** Resolves when none is being checked. */
  stop(): Promise<void>;
}

/** Checks a sample at once, and throws where one is wrong. Undefined where the bundle has no golden rows. */
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
