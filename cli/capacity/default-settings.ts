// The settings that `capacity` uses unless flags say otherwise: those of the engine, of connections and of the model itself.
import { engineDefaults } from '../../gateway/engine/engine-options.ts';
import { capacityDefaults, type Settings } from '../../infra/capacity/workload.ts';
import { MOST_CONNECTIONS } from '../../rpc/socket/server.ts';

/** Connections of a gateway to a shard. */
const CONNECTIONS = 2;

const { redundancy, utilisation, shardMiB, kvMiB, answerMiB, roundTripMs, prices } = capacityDefaults;

export const defaultSettings: Settings = {
  ...{ redundancy, utilisation, shardMiB, kvMiB, answerMiB, roundTripMs, prices },
  maxSequences: engineDefaults.maxSequences,
  prefillRows: engineDefaults.prefillRows,
  cellGateways: MOST_CONNECTIONS / CONNECTIONS,
  groups: undefined,
  survivesRegion: false,
};

/** Requests a second of the lines of --table. */
export const decades = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
