// `expertgrid capacity`: computes how many gateways and shards a load needs, what they cost, and where they break. Calls no process.
import { Command, InvalidArgumentError, type Option } from 'commander';
import { calibration } from '../../infra/capacity/calibration.ts';
import { type Sizing, sizeFor } from '../../infra/capacity/size.ts';
import {
  capacityDefaults,
  MOST_RPS,
  type Settings,
  type Workload,
  WorkloadError,
} from '../../infra/capacity/workload.ts';
import { decades, defaultSettings } from '../capacity/default-settings.ts';
import { readShape } from '../capacity/read-shape.ts';
import { sizingText } from '../capacity/sizing-text.ts';
import { decadesText } from '../capacity/table-text.ts';
import { bundleDirectory } from '../files.ts';
import {
  addFlags,
  bytes,
  flag,
  formatBinary,
  integer,
  share,
  switchFlag,
  UsageError,
  variableOf,
} from '../flags/flags.ts';

interface CapacityFlags extends Workload {
  rps: number;
  model: string;
  redundancy: number;
  utilisation: number;
  groups: number | undefined;
  memory: number;
  kvMemory: number;
  maxSequences: number;
  cellGateways: number;
  roundTrip: number;
  surviveRegion: boolean;
  priceCore: number;
  priceGib: number;
  table: boolean;
  json: boolean;
}

const MIB = 2 ** 20;

export function capacityCommand(): Command {
  const command = new Command('capacity').description(
    'Compute on paper how many gateways and shards a load needs, what they cost, how fast they answer and where they break. ' +
      'See docs/capacity.md.',
  );
  addLoadFlags(command);
  addFleetFlags(command);
  addFlags(command, 'Output:', [
    own('--price-core <price>', 'Price of a core for an hour, in any currency. The default is an example')
      .argParser(number({ min: 0 }))
      .default(defaultSettings.prices.core),
    own(
      '--price-gib <price>',
      'Price of a GiB of memory for an hour, in the same currency. The default is an example',
    )
      .argParser(number({ min: 0 }))
      .default(defaultSettings.prices.gib),
    ownSwitch(
      '--table',
      'Print a line for each power of ten from 1 to 1,000,000 requests a second, instead of one load',
    ),
    ownSwitch('--json', 'Print the result as JSON. Infinite times are null'),
  ]);
  return command.action(runCapacity);
}

function addLoadFlags(command: Command): void {
  addFlags(command, 'Load:', [
    own('--rps <n>', 'Requests a second of all regions together, above 0')
      .argParser(number({ above: 0, max: MOST_RPS }))
      .default(10),
    own('--prompt <tokens>', 'Tokens of a prompt on average, at least 1')
      .argParser(number({ min: 1 }))
      .default(capacityDefaults.prompt),
    own('--answer <tokens>', 'Tokens of an answer on average, at least 1')
      .argParser(number({ min: 1 }))
      .default(capacityDefaults.answer),
    own('--hit-rate <share>', 'Share of the tokens of prompts that gateways have cached, from 0 to below 1')
      .argParser(number({ min: 0, max: 1 }))
      .default(capacityDefaults.hitRate),
    own('--regions <n>', 'Regions that share the load evenly, 1–1000')
      .argParser(integer({ min: 1, max: 1000 }))
      .default(capacityDefaults.regions),
  ]);
}

function addFleetFlags(command: Command): void {
  addFlags(command, 'Region:', [
    flag('--model <dir>', 'Bundle to serve; its sizes scale the measured costs').default('nano'),
    own(
      '--redundancy <n>',
      'Shards on which each expert is, and the least number of gateways, 1–16. The fleet carries the planned load while n - 1 of each are away',
    )
      .argParser(integer({ min: 1, max: 16 }))
      .default(defaultSettings.redundancy),
    own(
      '--utilisation <share>',
      'Planned load, as a share of the rate at which a queue grows, above 0 and below 1',
    )
      .argParser(share)
      .default(defaultSettings.utilisation),
    own(
      '--cell-gateways <n>',
      'Most gateways of a cell, at least --redundancy; a larger region has several cells. A shard accepts two connections of each',
    )
      .argParser(integer({ min: 1 }))
      .default(defaultSettings.cellGateways),
    ownSwitch('--survive-region', 'Plan each region for its load while another region is lost'),
    own('--groups <n>', 'Groups of shards, each with an equal share of the experts, at least 1')
      .argParser(integer({ min: 1 }))
      .default(undefined, 'as few as --memory allows'),
    own('--memory <size>', 'Memory for experts on each shard, such as 8GiB')
      .argParser(bytes)
      .default(defaultSettings.shardMiB * MIB, formatBinary(defaultSettings.shardMiB * MIB)),
    own('--kv-memory <size>', 'Memory for keys and values on each gateway, such as 2GiB')
      .argParser(bytes)
      .default(defaultSettings.kvMiB * MIB, formatBinary(defaultSettings.kvMiB * MIB)),
    own('--max-sequences <n>', 'Most answers that a gateway generates at the same time, at least 1')
      .argParser(integer({ min: 1, max: 4096 }))
      .default(defaultSettings.maxSequences),
    own(
      '--round-trip <ms>',
      'Round trip of the network between a gateway and a shard in milliseconds, at least 0',
    )
      .argParser(number({ min: 0 }))
      .default(defaultSettings.roundTripMs),
  ]);
}

async function runCapacity(flags: CapacityFlags): Promise<void> {
  const shape = await readShape(await bundleDirectory(flags.model));
  const settings = settingsOf(flags);
  const { prompt, answer, hitRate, regions } = flags;
  const sizingAt = (rps: number): Sizing => {
    try {
      return sizeFor(calibration, shape, { rps, prompt, answer, hitRate, regions }, settings);
    } catch (cause) {
      if (cause instanceof WorkloadError) throw new UsageError(cause.message, { cause });
      throw cause;
    }
  };
  const origin = { model: shape.name, calibration };
  if (flags.table) {
    const sizings = decades.map(sizingAt);
    process.stdout.write(flags.json ? jsonOf(sizings) : decadesText(sizings, origin));
    return;
  }
  const sizing = sizingAt(flags.rps);
  process.stdout.write(flags.json ? jsonOf(sizing) : sizingText(sizing, origin));
}

function jsonOf(result: Sizing | readonly Sizing[]): string {
  const { machine, date, commit } = calibration;
  return `${JSON.stringify({ onPaper: true, calibrated: { machine, date, commit }, result })}\n`;
}

function settingsOf(flags: CapacityFlags): Settings {
  const { redundancy, utilisation, groups, memory, kvMemory, surviveRegion } = flags;
  const { maxSequences, cellGateways } = flags;
  return {
    ...defaultSettings,
    ...{ redundancy, utilisation, groups, maxSequences, cellGateways },
    shardMiB: memory / MIB,
    kvMiB: kvMemory / MIB,
    roundTripMs: flags.roundTrip,
    survivesRegion: surviveRegion,
    prices: { core: flags.priceCore, gib: flags.priceGib },
  };
}

/** A flag whose variable is read by this verb only, because running processes give some of these names another default. */
function own(flags: string, description: string): Option {
  return flag(flags, description).env(ownVariable(flags));
}

function ownSwitch(flags: string, description: string): Option {
  return switchFlag(flags, description).env(ownVariable(flags));
}

function ownVariable(flags: string): string {
  return variableOf(flags).replace('EXPERTGRID_', 'EXPERTGRID_CAPACITY_');
}

/** Parses a number within bounds. */
function number({ min, above, max }: { min?: number; above?: number; max?: number }) {
  return (text: string): number => {
    const value = Number(text);
    const isLow = (min !== undefined && value < min) || (above !== undefined && value <= above);
    const isRight = text.trim() !== '' && Number.isFinite(value) && !isLow && value <= (max ?? value);
    if (isRight) return value;
    const least = above === undefined ? `of at least ${min}` : `above ${above}`;
    throw new InvalidArgumentError(
      `It must be a number ${least}${max === undefined ? '' : ` and at most ${max}`}.`,
    );
  };
}
