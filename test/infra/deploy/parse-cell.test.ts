// Checks which descriptions of cells are refused, and that errors name the field.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../base/package.ts';
import { bundleSizes, gatewayMiB, shardMiB } from '../../../infra/deploy/bundle-sizes.ts';
import type { CellSpec } from '../../../infra/deploy/cell-spec.ts';
import { nano, sigma } from '../../../infra/deploy/examples.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { matrixBytes } from '../../../model/tiles/layout.ts';

const faultOf = (change: Partial<CellSpec>): string => {
  try {
    parseCell({ ...nano, ...change });
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};
const [first, ...others] = nano.groups;

describe('a cell is refused if', () => {
  const refused: [string, Partial<CellSpec>, string][] = [
    [
      'its name is no label',
      { name: 'Nano' },
      'name: must be 1 to 40 lower-case letters, digits and hyphens',
    ],
    ['its image has no tag', { image: 'example.com/expertgrid' }, 'image: must end with a tag or a digest'],
    [
      'its image is the latest',
      { image: 'expertgrid:latest' },
      'image: must not have the tag latest, which changes without a notice',
    ],
    [
      'it has no credentials',
      { security: {} },
      'security: must have tls, sharedSecret or both: shards refuse to listen on a network without credentials',
    ],
    ['a field is misspelt', { gateways: { replica: 2 } } as object, 'gateways: Unrecognized key: "replica"'],
    [
      'a number is out of bounds',
      { groups: [{ ...first, replicas: 0 }] },
      'groups[0].replicas: Too small: expected number to be >=1',
    ],
    [
      'a source is not encrypted',
      { experts: { from: 'https', url: 'http://models.example.com/' } },
      'experts.url: Invalid URL',
    ],
    [
      'a list of experts is wrong',
      { groups: [{ ...first, experts: '0-96' }] },
      'groups[0].experts: experts: "0-96" names expert 96; the last is 95',
    ],
    [
      'two groups have one name',
      { groups: [first, ...others, first] },
      'groups[4].name: another group has the name a',
    ],
    [
      'the name of a StatefulSet is too long',
      { name: 'n'.repeat(40), groups: [{ ...first, name: 'group' }, ...others] },
      `groups[0].name: its StatefulSet would be called ${'n'.repeat(40)}-shards-group, which is longer than 52 characters`,
    ],
    [
      'a group is missing',
      { groups: [first] },
      'groups: fewer than 2 shards (redundancy) hold the experts 24-95',
    ],
    [
      'a unit is on one shard',
      { groups: [{ ...first, replicas: 1 }, ...others] },
      'groups: fewer than 2 shards (redundancy) hold the experts 0-23',
    ],
    [
      'an update would take all shards of a unit away at the same time',
      {
        groups: ['0-47', '24-71', '48-95', '0-23,72-95'].map((experts, i) => ({
          name: 'abcd'.charAt(i),
          experts,
          replicas: experts === '0-47' ? 2 : 1,
        })),
      },
      'groups: only groups of one shard hold the experts 48-95, and all groups are updated at the same time. Give one of these groups 2 replicas',
    ],
    [
      'the source is no group',
      { experts: { from: 'shard', group: 'seed' } },
      'experts.group: there is no group seed',
    ],
    [
      'the source has no source',
      { groups: [{ ...first, source: { from: 'shard', group: 'a' } }, ...others] },
      'groups[0].source.group: a itself fetches its experts from a shard; give it another source',
    ],
    [
      'the source lacks the experts',
      {
        experts: { from: 'https', url: 'https://models.example.com/' },
        groups: [{ ...first, source: { from: 'shard', group: 'b' } }, ...others],
      },
      'groups[0].source.group: b fetches only its own experts, which are not those of a',
    ],
    [
      'only the edge may call, without its secret',
      { gateways: { edgeOnly: true } },
      'gateways.edgeOnly: needs gateways.edgeSecret',
    ],
    [
      'only the edge may call, but clients have keys',
      { gateways: { edgeOnly: true, edgeSecret: 'edge', apiKeysSecret: 'api-keys' } },
      'gateways.apiKeysSecret: with edgeOnly no API key of a gateway is valid; leave it out',
    ],
    [
      'a pool has no picker',
      { inferencePool: { pickerService: 'picker' } },
      'access.picker: is missing: name the pods of the endpoint picker, which read the load of gateways',
    ],
  ] as [string, Partial<CellSpec>, string][];
  for (const [title, change, message] of refused) {
    it(title, () => expect(faultOf(change)).toBe(message));
  }

  it('several fields are wrong, with a line for each', () => {
    expect(
      faultOf({ name: '', namespace: '' })
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['name', 'namespace']);
  });
});

describe('the sizes of a bundle', () => {
  it('of nano come from its bundle.json, and are those of its shape and its files', async () => {
    const dir = join(packageRoot, 'models', 'nano');
    const bundle = await openBundle(dir);
    const { layers, experts, hidden, inner } = bundle.config;
    await bundle.close();
    const file = join(dir, 'bundle.json');
    const sizes = bundleSizes('nano', JSON.parse(readFileSync(file, 'utf8')), file);
    expect(sizes).toEqual({
      name: 'nano',
      layers,
      experts,
      expertBytes: 2 * matrixBytes('q8', inner, hidden) + matrixBytes('q8', hidden, inner),
      denseBytes: statSync(join(dir, 'dense.safetensors')).size,
    });
    expect(sizes).toEqual(nano.bundle);
  });

  it('of Sigma-MoE-Tiny follow from its shape at 4 bits', () => {
    const [gate, up, down] = [
      matrixBytes('q4', 768, 1536),
      matrixBytes('q4', 768, 1536),
      matrixBytes('q4', 1536, 768),
    ];
    expect(sigma.bundle.expertBytes).toBe(gate + up + down);
  });

  it('give the memory of shards and gateways, unless the cell gives it', () => {
    const cell = parseCell(sigma);
    // 56 layers of 24 experts are 2,551 MiB.
    expect(shardMiB(cell, cell.groups[0]!)).toBe(2752);
    expect(gatewayMiB(cell)).toBe(9536);
    const [group] = parseCell({
      ...nano,
      groups: nano.groups.map((each) => ({ ...each, memoryMiB: 300 })),
    }).groups;
    expect(shardMiB(cell, group!)).toBe(300);
  });
});
