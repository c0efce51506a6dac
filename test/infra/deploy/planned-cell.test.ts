// From a plan to the objects of a cell: the StatefulSets hold what the plan says.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IStatefulSet } from 'kubernetes-models/apps/v1';
import { afterAll, describe, expect, it } from 'vitest';
import { parseHoldings } from '../../../experts/holdings.ts';
import { nano } from '../../../infra/deploy/examples.ts';
import { readCell } from '../../../infra/deploy/read-cell.ts';
import { cellObjects } from '../../../infra/deploy/render.ts';
import { type CellGroup, groupsOf } from '../../../infra/placement/groups.ts';
import type { Heat } from '../../../infra/placement/heat.ts';
import { toPlacement } from '../../../infra/placement/placement.ts';
import { plan } from '../../../infra/placement/plan.ts';

const { layers, experts, expertBytes: unitBytes } = nano.bundle;
const SIZE = 2;
const GROUPS = 4;
const dir = mkdtempSync(join(tmpdir(), 'expertgrid-planned-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** The experts are unequally hot, and a different one is the hottest in each layer. */
const heat: Heat = {
  layers,
  experts,
  counts: Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: experts }, (_, expert) => 1000 / (1 + ((expert * 7 + layer * 13) % experts))),
  ),
};

function planned(spareUnits: number) {
  const memoryBytes = ((layers * experts) / GROUPS + spareUnits) * unitBytes;
  const shards = Array.from({ length: SIZE * GROUPS }, (_, n) => ({ name: `shard-${n}`, memoryBytes }));
  const names = shards.map(({ name }) => name);
  const { layout } = plan({ heat, shards, unitBytes, replicas: SIZE, groupSize: SIZE });
  return { layout, groups: groupsOf(toPlacement({ layout, names, model: 'm', epoch: 1 })) };
}

/** Writes the groups and a cell that names their file, with `fields` for all groups. */
function cellFile(groups: unknown, fields: object = {}): string {
  writeFileSync(join(dir, 'groups.json'), JSON.stringify(groups));
  const file = join(dir, 'cell.json');
  writeFileSync(file, JSON.stringify({ ...nano, groups: { plan: 'groups.json', ...fields } }));
  return file;
}

function setsOf(file: string) {
  const sets = cellObjects(readCell(file)).filter(({ kind }) => kind === 'StatefulSet') as IStatefulSet[];
  return sets.map(({ metadata, spec }) => {
    const [container] = spec!.template!.spec!.containers;
    const args = container!.args!;
    const held = parseHoldings(args[args.indexOf('--experts') + 1]!, nano.bundle);
    const memory = Number(/^(\d+)Mi$/.exec(`${container!.resources!.limits!['memory']}`)![1]);
    return { name: metadata!.name!, replicas: spec!.replicas!, held, memory, container: container! };
  });
}

describe('the StatefulSets of a planned cell', () => {
  it.each([0, 40])('hold each unit on exactly the shards of the plan, with room for %i more', (spare) => {
    const { layout, groups } = planned(spare);
    const sets = setsOf(cellFile(groups));
    expect(sets.map(({ name }) => name)).toEqual(groups.map(({ name }) => `nano-shards-${name}`));
    layout.forEach((holders, layer) => {
      holders.forEach((shards, expert) => {
        const having = sets.filter(({ held }) => held.some((u) => u.layer === layer && u.expert === expert));
        const replicas = having.reduce((sum, set) => sum + set.replicas, 0);
        expect(replicas).toBe(shards.length);
        // While each group replaces a pod, another pod has the unit.
        expect(replicas - having.length).toBeGreaterThanOrEqual(SIZE - 1);
      });
    });
    const total = sets.reduce((sum, { held, replicas }) => sum + held.length * replicas, 0);
    expect(total).toBe(layout.flat(2).length);
  });

  it('have memory for their units', () => {
    for (const { held, memory } of setsOf(cellFile(planned(40).groups))) {
      expect(memory * 2 ** 20).toBeGreaterThan(held.length * unitBytes);
    }
  });

  it('have the fields that the cell gives for all groups', () => {
    const [set] = setsOf(cellFile(planned(0).groups, { cpu: 3, memoryMiB: 777 }));
    expect(set!.container.resources!.limits).toEqual({ cpu: '3000m', memory: '777Mi' });
  });
});

describe('a planned cell is refused if', () => {
  const { groups } = planned(0);
  const refused: [string, () => string, string][] = [
    [
      'its redundancy is above that of the plan',
      () => cellFile(groups.map((group: CellGroup) => ({ ...group, replicas: 1 }))),
      'groups: fewer than 2 shards (redundancy) hold the experts 0-95',
    ],
    ['the plan is for a larger model', () => cellFile([{ ...groups[0], experts: '0-96' }]), 'the last is 95'],
    ['the file is no list', () => cellFile({ shards: {} }), 'groups.json is not a list of groups'],
    ['the list has something else', () => cellFile([3]), 'groups[0].name: Invalid input'],
    [
      'the file is missing',
      () => cellFile([], { plan: 'missing.json' }),
      `cannot read ${join(dir, 'missing.json')}`,
    ],
    ['its plan is no file', () => cellFile([], { plan: 3 }), 'groups.plan: must be the file that'],
    [
      'a field for all groups is misspelt',
      () => cellFile(groups, { cpus: 3 }),
      'groups[0]: Unrecognized key: "cpus"',
    ],
  ];
  it.each(refused)('%s', (_, file, message) => expect(() => readCell(file())).toThrow(message));
});
