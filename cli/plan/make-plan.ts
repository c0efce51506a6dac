// Plans a placement from the heat of a gateway and the memory of named shards, prints it and writes it to a file. Calls no shard.
import { writeFile } from 'node:fs/promises';
import type { Placement } from '../../experts/placing/placement-file.ts';
import { groupsOf, requireGroups } from '../../infra/placement/groups.ts';
import { toPlacement } from '../../infra/placement/placement.ts';
import { type PlannedShard, plan } from '../../infra/placement/plan.ts';
import { usualRows } from '../../infra/placement/read-heat.ts';
import type { StepCost } from '../../infra/placement/step-cost.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { bundleDirectory } from '../files.ts';
import { askHeat } from './ask-heat.ts';
import { fewerWarning, gatewaysOf, planTable } from './plan-table.ts';

/** Shards without a size get the size of --memory. */
export type NamedShards = { name: string; memoryBytes: number | undefined }[];

/** Settings of a plan that do not depend on its shards. */
export interface PlanSettings {
  /** Address of a gateway, or path of a file. */
  heat?: string;
  /** API key for the gateway whose heat is read. */
  apiKey?: string;
  model: string;
  /** Memory of each shard whose own memory is not known, in bytes. Undefined: just enough for the experts. */
  memory: number | undefined;
  /** Memory of each gateway for experts that it holds itself, in bytes. Undefined: gateways hold none. */
  gatewayMemory: number | undefined;
  replicas: number;
  rows: number | undefined;
  cost: Partial<StepCost>;
  strict: boolean;
  json: boolean;
  /** Path of a file. */
  out: string | undefined;
  /** Path of a file for the groups of a cell on Kubernetes. The shards of a group then hold the same units. */
  kubernetes?: string;
}

/** Rows per step that a plan assumes if the gateway has not counted any step. */
export const USUAL_ROWS = 8;

/** Makes a plan and prints its predictions. With --strict, rejects if fewer shards are predicted to be faster. */
export async function makePlan(
  flags: PlanSettings & { shards: NamedShards; epoch: number },
): Promise<Placement> {
  if (flags.heat === undefined)
    throw new Error('give --heat: the address of a gateway, or a file with its answer to /v1/experts/heat');
  const groupSize = flags.kubernetes === undefined ? 1 : flags.replicas;
  requireGroups(flags.shards, groupSize);
  const bundle = await openBundle(await bundleDirectory(flags.model));
  const { config, manifest } = bundle;
  await bundle.close();
  const heat = await askHeat(flags.heat, { transitions: true, apiKey: flags.apiKey });
  if (heat.model !== manifest.identity) {
    throw new Error(`${flags.heat} serves ${heat.model}, and ${flags.model} is ${manifest.identity}`);
  }
  const unitBytes = Math.max(...manifest.experts.flat().map(({ length }) => length));
  const { replicas, cost } = flags;
  const rows = flags.rows ?? usualRows(heat) ?? USUAL_ROWS;
  const units = Math.ceil((manifest.experts.flat().length * replicas) / flags.shards.length);
  const shards = flags.shards.map(
    ({ name, memoryBytes = flags.memory ?? units * unitBytes }): PlannedShard => ({ name, memoryBytes }),
  );
  const names = shards.map(({ name }) => name);

  const k = config.expertsPerToken;
  const gatewayBytes = flags.gatewayMemory;
  const made = plan({ heat, shards, unitBytes, replicas, groupSize, rows, k, cost, gatewayBytes });
  const placement = toPlacement({ layout: made.layout, names, model: heat.model, epoch: flags.epoch });
  if (flags.json) {
    const { predicted, contiguous, fewer = null } = made;
    const gateways = made.home === undefined ? null : gatewaysOf(made.home, unitBytes);
    process.stdout.write(`${JSON.stringify({ placement, rows, predicted, contiguous, fewer, gateways })}\n`);
  } else {
    const counted = heat.counts[0]?.reduce((sum, count) => sum + count, 0) ?? 0;
    process.stdout.write(planTable({ plan: made, names, unitBytes, rows, counted }));
  }
  if (made.fewer !== undefined) {
    if (flags.strict) throw new Error(fewerWarning(made.fewer));
    process.stderr.write(`warning: ${fewerWarning(made.fewer)}\n`);
  }
  if (flags.out !== undefined) await writeJson(flags.out, placement);
  if (flags.kubernetes !== undefined) await writeJson(flags.kubernetes, groupsOf(placement));
  return placement;
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
