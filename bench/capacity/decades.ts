// The table of docs/capacity.md: nano in three regions, from 1 to a million requests a second.
import { decades, defaultSettings } from '../../cli/capacity/default-settings.ts';
import { decadesText } from '../../cli/capacity/table-text.ts';
import type { Calibration } from '../../infra/capacity/calibration.ts';
import { sizeFor } from '../../infra/capacity/size.ts';
import { capacityDefaults } from '../../infra/capacity/workload.ts';

/** What `expertgrid capacity --table --regions 3` prints. */
export function decadesOf(calibration: Calibration): string {
  const { prompt, answer, hitRate } = capacityDefaults;
  const sizings = decades.map((rps) => {
    const workload = { rps, prompt, answer, hitRate, regions: 3 };
    return sizeFor(calibration, calibration.model, workload, defaultSettings);
  });
  return decadesText(sizings, { model: calibration.model.name, calibration });
}
