// A position's bits do not depend on the chunk that it was computed in: every way to cut a span in two, on `ort-cpu` and `cpu`.
import { expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { openDenseDevice } from '../../../model/devices/open.ts';
import { queryTiles } from '../../../model/devices/ort/ort-dense.ts';
import { floats } from '../../support/floats.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

const positions = 130;

it.each(['ort-cpu', 'cpu'] as const)('%s: every cut gives the same bits', async (device) => {
  const bundle = await openBundle(await tinyBundle({ kvHeads: 2, heads: 4, headDim: 16, layers: 1 }));
  const dense = await openDenseDevice({ bundle, device });
  const { hidden } = bundle.config;
  const rows = floats(3, positions * hidden, 1);
  const size = dense.kv.blockSize;
  dense.allocate(Math.ceil(positions / size));
  const blocks = Array.from({ length: Math.ceil(positions / size) }, (_, i) => i);
  const run = async (chunks: number[]) => {
    dense.open(1);
    const out = new Float32Array(rows.length);
    let start = 0;
    for (const count of chunks) {
      const chunk = rows.slice(start * hidden, (start + count) * hidden);
      const { residual } = await dense.layer(0, chunk, [{ sequence: 1, start, count, blocks }]);
      out.set(residual, start * hidden);
      start += count;
    }
    dense.close(1);
    return out;
  };
  const whole = await run([positions]);
  const least = dense.minPrefillRows;
  for (let first = least; first <= positions - least; first++) {
    const cut = await run([first, positions - first]);
    expect(
      cut.findIndex((value, i) => value !== whole[i]),
      `chunks ${first} and ${positions - first}`,
    ).toBe(-1);
  }
  await dense.dispose();
  await bundle.close();
});

it('queryTiles cuts queries into tiles of 2 to 16, and makes a tile of one only for a single query', () => {
  for (let rows = 1; rows <= 200; rows++) {
    const tiles = queryTiles(rows);
    expect(tiles[0]?.from).toBe(0);
    expect(tiles.at(-1)?.to).toBe(rows);
    for (const [i, { from, to }] of tiles.entries()) {
      if (i > 0) expect(from).toBe(tiles[i - 1]!.to);
      expect(to - from).toBeLessThanOrEqual(16);
      if (rows > 1) expect(to - from).toBeGreaterThanOrEqual(2);
    }
  }
});
