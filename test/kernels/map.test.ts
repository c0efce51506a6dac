import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { draw, firstDifference, kernels, matrix } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'expertgrid-map-'));
const file = join(folder, 'weights');
const m = matrix(1, 50, 70, 4);
/** An odd offset, because nothing may depend on alignment. */
const offset = 5001;

beforeAll(() => {
  const bytes = new Uint8Array(offset + m.bytes.length).fill(0xee);
  bytes.set(m.bytes, offset);
  writeFileSync(file, bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a mapped file', () => {
  it('gives the same products as its bytes in memory, and stays mapped as long as a matrix uses it', () => {
    let map: ReturnType<typeof kernels.map> | undefined = kernels.map(file);
    expect(map.bytes).toBe(offset + m.bytes.length);
    const mapped = kernels.matrix(map, offset, 50, 70, 4);
    expect(mapped).toMatchObject({ rows: 50, cols: 70, bits: 4 });
    map = undefined;
    const x = draw(2, 3 * 70);
    const [a, b] = [new Float32Array(150), new Float32Array(150)];
    kernels.product(x, 3, [m.handle], [a]);
    kernels.product(x, 3, [mapped], [b]);
    expect(firstDifference(b, a)).toBeUndefined();
  });

  it('refuses a matrix that would end behind the end of the file', () => {
    const map = kernels.map(file);
    expect(() => kernels.matrix(map, offset + 1, 50, 70, 4)).toThrow(
      `a 4-bit matrix [50, 70] at offset 5002 takes ${m.bytes.length} bytes, the file has ${map.bytes}`,
    );
    expect(() => kernels.matrix(map, map.bytes, 1, 1, 4)).toThrow(`offset is ${map.bytes}`);
    expect(() => kernels.matrix(map, 0, 2 ** 31, 2 ** 31, 8)).toThrow('takes');
    expect(() => kernels.matrix(map, -1, 1, 1, 4)).toThrow('offset is -1');
  });

  it('accepts advice about ranges, and reports how many bytes are in memory', () => {
    const map = kernels.map(file);
    for (const advice of ['willneed', 'random', 'normal', 'huge', 'populate'] as const) {
      kernels.advise(map, 100, map.bytes - 100, advice);
    }
    expect(kernels.resident(map, 0, map.bytes)).toBeGreaterThanOrEqual(map.bytes);
    expect(() => kernels.advise(map, 100, map.bytes, 'willneed')).toThrow(`bytes is ${map.bytes}`);
    expect(() => Reflect.apply(kernels.advise, kernels, [map, 0, 1, 'gladly'])).toThrow('advice is "gladly"');
  });

  it('is read completely by sweep(), with any number of threads', () => {
    const map = kernels.map(file);
    const bytes = new Uint8Array(Math.floor(map.bytes / 8) * 8).fill(0xee);
    bytes.set(m.bytes.subarray(0, bytes.length - offset), offset);
    const expected = new BigUint64Array(bytes.buffer).reduce((a, b) => a ^ b, 0n);
    for (const threads of [1, 2]) {
      kernels.setThreads(threads);
      expect(kernels.sweep(map, 0, map.bytes)).toBe(expected);
    }
    kernels.setThreads(1);
  });

  it.each([1, 2])(
    'is named in the last line that a process writes if its %i threads read the file after it was cut short',
    (threads) => {
      const addon = new URL('../../kernels/build/Release/kernels.node', import.meta.url).pathname;
      const cut = join(folder, `cut-${threads}`);
      const script = `
      const { truncateSync, writeFileSync } = require('node:fs');
      const kernels = require(${JSON.stringify(addon)});
      writeFileSync(${JSON.stringify(cut)}, Buffer.alloc(2 ** 20));
      const map = kernels.map(${JSON.stringify(cut)});
      kernels.setThreads(${threads});
      truncateSync(${JSON.stringify(cut)}, 1);
      kernels.sweep(map, 0, map.bytes);`;
      const { signal, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
      expect(signal).toBe('SIGBUS');
      expect(stderr).toMatch(new RegExp(`^expertgrid: ${cut}: was cut short or replaced .+ \\(SIGBUS\\)`));
    },
  );
});
