// Formats a sizing as text. Pure.
import type { Calibration } from '../../infra/capacity/calibration.ts';
import type { Operation, Spread } from '../../infra/capacity/operate.ts';
import type { Sizing } from '../../infra/capacity/size.ts';

export interface Origin {
  /** Name of the model. */
  model: string;
  calibration: Pick<Calibration, 'machine' | 'date' | 'commit'>;
}

/** Says that nothing of the size was run. It stands first in everything that is printed for people. */
export function onPaper({ model, calibration: { machine, date, commit } }: Origin): string {
  return (
    `On paper: computed for ${model} from measurements of ${machine} (${date}, ${commit}); no fleet of this size was run.\n` +
    'Times exclude the network to the client. See docs/capacity.md.\n'
  );
}

export function sizingText(sizing: Sizing, origin: Origin): string {
  const { workload, region, usual, limits, cost, settings } = sizing;
  const { rps, prompt, answer, regions, hitRate } = workload;
  const { cell } = region;
  const { prices } = settings;
  const line = (title: string, text: string) => `${title.padEnd(28)}${text}`;
  const groups = region.groups === 1 ? '1 group' : `${region.groups} groups`;
  return [
    onPaper(origin),
    line('load', `${figure(rps)} requests/s in ${regions} ${regions === 1 ? 'region' : 'regions'}`),
    line('request', `${prompt} prompt tokens (${percent(hitRate)} cached), ${answer} answer tokens`),
    '',
    'each region',
    line('  gateways', `${region.gateways}, each ${gib(region.gatewayMiB)}`),
    line('  shards', `${region.shards}, each ${gib(region.shardMiB)}`),
    line(
      '  cells',
      `${region.cells}, each ${cell.gateways} gateways and ${groups} of ${cell.replicas} shards`,
    ),
    line('  cores, memory', `${region.cores}, ${gib(region.memoryMiB)}`),
    line('  sequences of a gateway', `${figure(usual.running)} running of at most ${region.slots}`),
    line('  keys and values', `${gib(usual.kvBytes / 2 ** 20)} of ${gib(settings.kvMiB)} on each gateway`),
    '',
    ...states(sizing),
    '',
    `a queue grows in a cell from  ${limits.map(({ part, rps: at }) => `${figure(at)} requests/s (${part})`).join(', ')}`,
    `cost of all regions           ${figure(cost.hourly)} an hour, ${figure(cost.millionTokens)} for a million generated tokens`,
    `at the prices                 ${prices.core} for a core and ${prices.gib} for a GiB, each for an hour`,
    '',
  ].join('\n');
}

const STATE_COLUMNS = ['requests/s', 'utilisation', 'first token ms', 'token ms', 'fits'];

function states({ usual, oneAway, regionLost, workload }: Sizing): string[] {
  const row = (title: string, cells: readonly string[]) => {
    const [first = '', ...rest] = cells;
    return title.padEnd(40) + first.padStart(11) + rest.map((cell) => cell.padStart(18)).join('');
  };
  const of = (title: string, operation: Operation) =>
    row(title, [
      figure(operation.rps),
      percent(operation.utilisation),
      spread(operation.firstTokenMs),
      spread(operation.tokenMs),
      operation.fits ? 'yes' : 'no',
    ]);
  return [
    row('each cell, p50 / p99', STATE_COLUMNS),
    of('as planned', usual),
    oneAway === undefined
      ? 'without redundancy, the loss of a shard stops some experts'
      : of('a gateway and a shard of each group away', oneAway),
    regionLost === undefined
      ? 'if the only region is lost, no request is served'
      : of(`one of ${workload.regions} regions lost`, regionLost),
  ];
}

export function spread({ p50, p99 }: Spread): string {
  return Number.isFinite(p50) ? `${figure(p50)} / ${figure(p99)}` : '-';
}

/** Three digits, with separators. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

export function gib(mebibytes: number): string {
  return mebibytes < 1024 ? `${figure(mebibytes)} MiB` : `${figure(mebibytes / 1024)} GiB`;
}
