// The experts with which a shard starts: those of its saved state, otherwise those of its flags, otherwise all or none.
import { beforeAll, describe, expect, it } from 'vitest';
import { openExperts, wantedExperts } from '../../../cli/shard/open-experts.ts';
import { isPeer } from '../../../cli/shard/peer-files.ts';
import { shardState } from '../../../cli/shard/shard-state.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

describe('wantedExperts', () => {
  it('pairs each model with its experts in the order of the flags', () => {
    expect(wantedExperts({ model: ['a', 'b'], experts: ['0-3', '4'], standby: false })).toEqual([
      { model: 'a', experts: '0-3' },
      { model: 'b', experts: '4' },
    ]);
  });

  it.each([[{ standby: true }], [{ standby: false, state: 'dir' }]])(
    'needs no --experts with %o',
    (flags) => {
      expect(wantedExperts({ model: ['a'], ...flags })).toEqual([{ model: 'a', experts: undefined }]);
    },
  );

  it('throws if none of --experts, --standby and --state is given', () => {
    expect(() => wantedExperts({ model: ['a'], standby: false })).toThrow(/--experts.*--state/s);
  });

  it('throws if the numbers of lists and models differ', () => {
    const flags = { model: ['a', 'b'], experts: ['0'], standby: false };
    expect(() => wantedExperts(flags)).toThrow('2 models and 1 list');
  });
});

describe('the experts with which a shard starts', () => {
  let model: string;
  beforeAll(async () => {
    model = await tinyBundle();
  });

  async function listOf(flags: { experts?: string; standby?: boolean; kept?: string }): Promise<string> {
    const { experts, standby = false, kept } = flags;
    const nothing = shardState(undefined);
    const state = {
      ...nothing,
      read: async () => (kept === undefined ? undefined : { held: kept, placement: undefined }),
    };
    const { signal } = new AbortController();
    const options = { model, experts, standby, state, signal, dir: undefined, security: undefined };
    const { list, bundle } = await openExperts(options);
    await bundle.close();
    return list;
  }

  it.each([
    ['those of the saved state, if the flags name others', { experts: '0-3', kept: '5' }, '5'],
    ['none, if the saved state has none', { experts: '0-3', kept: '' }, ''],
    ['those of the flags, without a saved state', { experts: '0-3' }, '0-3'],
    ['those of the flags, also for a standby shard', { experts: '0-3', standby: true }, '0-3'],
    ['all, for a standby shard without --experts', { standby: true }, '0-95'],
    ['none, for another shard without --experts', {}, ''],
  ])('are %s', async (_, flags, list) => {
    expect(await listOf(flags)).toBe(list);
  });

  it('cannot be fetched without --state', async () => {
    const fetched = { model: 'shard://10.0.0.1:7001/', experts: '0', standby: false };
    const state = shardState(undefined);
    const { signal } = new AbortController();
    const opening = openExperts({ ...fetched, state, signal, dir: undefined, security: undefined });
    await expect(opening).rejects.toThrow(/--model shard:\/\/10\.0\.0\.1:7001\/.*--state/);
    expect([isPeer('shard://a:1/'), isPeer('https://a/'), isPeer('nano')]).toEqual([true, false, false]);
  });
});
