// Loads the experts of one or more models onto the shard's device, and runs their golden checks. While the shard serves, a thread
// reads mapped experts from the disk before calls need them ("reading ahead").
import { basename } from 'node:path';
import { checkGoldens, type GoldenChecks } from '../../experts/golden-checks.ts';
import { formatHoldings } from '../../experts/holdings.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import type { WeightSource } from '../../model/bundle/source.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { type ExpertDevice, isMapped, type Unit } from '../../model/devices/expert.ts';
import { openExpertDevice } from '../../model/devices/open.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { ReadAhead } from '../../model/reading/start-read-ahead.ts';
import { addUp } from '../terminal/reading-report.ts';

export interface OpenedExperts {
  source: WeightSource;
  bundle: Bundle;
  units: readonly Unit[];
}

interface HoldOptions {
  device: DeviceName;
  threads: number;
  /** Microseconds for which an idle thread looks for work before it sleeps. */
  spin: number | undefined;
  signal: AbortSignal;
  /** Reading ahead begins when this promise resolves, or at once if it is absent. */
  readAfter?: Promise<void>;
  /** Progress of loading: number of units, summed over all models. */
  onLoading: (done: number, total: number) => void;
  /** Progress of reading experts ahead while the shard serves: bytes, summed over all models. */
  onReading: (done: number, total: number) => void;
  /** Called if bytes on disk do not have the hash that the bundle states. */
  onDamaged: (error: Error) => void;
}

export interface HeldExperts extends OpenedExperts {
  device: ExpertDevice;
  /** Undefined if the bundle has no golden rows. */
  checks: GoldenChecks | undefined;
  /** Stops reading ahead. Resolves when no read is in progress. */
  stopReading(): Promise<void>;
  /** Frees the device and closes the bundle. Must not be called while a call from a gateway is in flight. */
  release(): Promise<void>;
}

/** Rejects if an expert cannot be loaded, if an expert fails its golden check, or when the signal is aborted. */
export function holdModels(models: readonly OpenedExperts[], options: HoldOptions): Promise<HeldExperts[]> {
  const loading = addUp(models.length, options.onLoading);
  const reading = addUp(models.length, options.onReading);
  return Promise.all(
    models.map((model, i) =>
      holdModel(model, { ...options, onLoading: loading[i]!, onReading: reading[i]! }),
    ),
  );
}

/** Describes held experts for users: `experts 0-23 of 6 layers of nano (144 units, 5.1 MB)`. */
export function describeHeld({ bundle, units }: Pick<OpenedExperts, 'bundle' | 'units'>): string {
  const { config, manifest, dir } = bundle;
  const shape = unitShape(config);
  const sizes = units.map(({ layer, expert }) => manifest.experts[layer]?.[expert]?.length ?? 0);
  const megabytes = sizes.reduce((sum, bytes) => sum + bytes, 0) / 1e6;
  const list = units.length === 0 ? 'none' : formatHoldings(units, shape);
  const experts = `experts ${list} of ${shape.layers} layers`;
  return `${experts} of ${basename(dir)} (${units.length} units, ${megabytes.toFixed(1)} MB)`;
}

async function holdModel(
  { source, bundle, units }: OpenedExperts,
  { device: name, threads, spin, signal, readAfter, onLoading, onReading, onDamaged }: HoldOptions,
): Promise<HeldExperts> {
  const opened = await openExpertDevice({ bundle, device: name, threads, spin });
  await opened.load(units, { signal, onLoaded: (_, done, total) => onLoading(done, total) });
  const reading =
    isMapped(opened) &&
    new ReadAhead({
      bundle,
      units,
      ...(readAfter && { after: readAfter }),
      onUnits: onReading,
      onDamaged,
    });
  const device = reading ? reading.serve(opened) : opened;
  const checks = await checkGoldens(bundle, device, units);
  return {
    source,
    bundle,
    units,
    device,
    checks,
    async stopReading() {
      if (reading) await reading.stop();
    },
    async release() {
      await checks?.stop();
      await device.dispose();
      await bundle.close();
    },
  };
}
