// How evenly the rows of each layer are spread over its experts. Pure.

export interface ExpertLoad {
  expert: number;
  /** Rows of the expert divided by those that it would have if all experts of the layer had equally many. */
  ratio: number;
}

export interface LayerBalance {
  /** Counts layers with experts only. */
  layer: number;
  /** Rows of each expert. A token counts once for each of its experts. */
  rows: readonly number[];
  hottest: ExpertLoad;
  coldest: ExpertLoad;
  /** Experts without a row. */
  dead: number[];
}

/** `totals [layers * experts]`, rows. A layer without rows counts as even. Of equal experts, the first is named. */
export function balanceOf(totals: Float64Array, experts: number): LayerBalance[] {
  return Array.from({ length: totals.length / experts }, (_, layer) => {
    const rows = [...totals.subarray(layer * experts, (layer + 1) * experts)];
    const even = rows.reduce((sum, count) => sum + count, 0) / experts;
    const loads = rows.map((count, expert) => ({ expert, ratio: even === 0 ? 1 : count / even }));
    return {
      layer,
      rows,
      hottest: loads.reduce((a, b) => (b.ratio > a.ratio ? b : a)),
      coldest: loads.reduce((a, b) => (b.ratio < a.ratio ? b : a)),
      dead: rows.flatMap((count, expert) => (count === 0 && even > 0 ? [expert] : [])),
    };
  });
}

/** What breaks the limit: an expert with more than `limit` times the even share, or with less than 1/`limit` of it. */
export function deviations(layers: readonly LayerBalance[], limit: number): string[] {
  return layers.flatMap(({ layer, hottest, coldest }) => {
    const faults: string[] = [];
    if (hottest.ratio > limit)
      faults.push(
        `layer ${layer}: expert ${hottest.expert} has ${shown(hottest)} the even share, more than ${limit} x`,
      );
    if (coldest.ratio < 1 / limit)
      faults.push(
        `layer ${layer}: expert ${coldest.expert} has ${shown(coldest)} the even share, less than 1/${limit} x`,
      );
    return faults;
  });
}

export const balanceHead = ['layer', 'rows', 'hottest', 'coldest', 'dead'];

export function balanceRows(layers: readonly LayerBalance[]): string[][] {
  return layers.map(({ layer, rows, hottest, coldest, dead }) => [
    String(layer),
    String(rows.reduce((sum, count) => sum + count, 0)),
    `${shown(hottest)} (expert ${hottest.expert})`,
    `${shown(coldest)} (expert ${coldest.expert})`,
    dead.length === 0 ? '0' : `${dead.length}: ${listed(dead)}`,
  ]);
}

/** Most dead experts that a table lists. */
const LISTED = 8;

function listed(experts: readonly number[]): string {
  const more = experts.length > LISTED ? ', …' : '';
  return `${experts.slice(0, LISTED).join(', ')}${more}`;
}

function shown({ ratio }: ExpertLoad): string {
  return `${ratio.toFixed(2)} x`;
}
