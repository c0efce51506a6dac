import { describe, expect, it } from 'vitest';
import { draw, kernels, matrix } from './support.ts';

const m = matrix(1, 20, 40, 4);
const other = matrix(2, 20, 50, 4);
const f = (count: number) => new Float32Array(count);
const i = (...values: number[]) => Int32Array.from(values);
const matrices = [m.handle, m.handle, matrix(3, 40, 20, 8).handle] as const;
const expert = kernels.expert(...matrices);
const wide = kernels.expert(other.handle, other.handle, matrix(4, 50, 20, 4).handle);
const cache = kernels.cache(4, 2, 2, 8);
const spans = kernels.spans(cache, i(0, 3), i(0, 2, 30, 5));
const shared = f(1000);

/** Calls a function with values of any type, as plain JavaScript can. */
const call = (name: string, ...values: unknown[]) =>
  Reflect.apply(Reflect.get(kernels, name) as CallableFunction, kernels, values);

const rotation = () => [spans, 0, f(160), f(80), f(80), f(20), f(20), 4, undefined, undefined, 1e-6];
const attention = () => [spans, 0, f(160), 4, 1, f(160)];
const replaced = (values: unknown[], at: number, value: unknown) =>
  values.map((old, index) => (index === at ? value : old));

describe('a wrong argument', () => {
  it.each<[string, unknown[], string]>([
    ['setPath', ['sse9'], 'name is "sse9"; paths() lists'],
    ['setPath', [], 'name must be a string'],
    ['setThreads', [0], 'count is 0; it must be a whole number from 1 to 64'],
    ['setThreads', [1.5], 'count is 1.5'],
    ['setThreads', [Number.NaN], 'count is nan'],
    ['setThreads', [2, -1], 'spinMicroseconds is -1'],
    ['warm', [[]], 'matrices has 0 elements; 1 to 7 are allowed'],
    ['warm', [new Array(8).fill(m.handle)], 'matrices has 8 elements; 1 to 7 are allowed'],
    ['warm', [[{}]], 'every element of matrices must be a QuantisedMatrix'],
    ['warm', [[m.handle], [1]], 'floats must be a Float32Array'],
    ['setPrefetch', ['t3', 0], 'hint is "t3"; it must be none, t0, t1, t2 or nta'],
    ['setPrefetch', ['t0', 65537], 'aheadBytes is 65537; it must be a whole number from 0 to 65536'],
    ['evict', [{}], 'matrix must be a QuantisedMatrix'],
    ['peak', [0], 'turns is 0'],
    ['map', ['/no/such/file'], 'cannot map /no/such/file: No such file'],
    ['map', ['/dev/null'], 'cannot map /dev/null'],
    ['map', [7], 'path must be a string'],

    [
      'matrixOf',
      [m.bytes.subarray(1), 20, 40, 4],
      'bytes has 1151 elements; a 4-bit matrix [20, 40] takes 1152',
    ],
    ['matrixOf', [m.bytes, 20, 40, 5], 'bits is 5; it must be 4, 6 or 8'],
    ['matrixOf', [m.bytes, 20, 40, 6], 'bytes has 1152 elements; a 6-bit matrix [20, 40] takes 1664'],
    ['matrixOf', [m.bytes, 0, 40, 4], 'rows is 0'],
    ['matrixOf', [m.bytes, 20, 2 ** 40, 4], 'cols is 1099511627776'],
    ['matrixOf', [f(288), 20, 40, 4], 'bytes must be a Uint8Array'],
    ['matrix', [{}, 0, 20, 40, 4], 'map must be a FileMap'],
    ['matrix', [m.handle, 0, 20, 40, 4], 'map must be a FileMap'],
    ['readRows', [m.handle, i(0, 20), f(80)], 'ids[1] is 20; the matrix has 20 rows'],
    ['readRows', [m.handle, i(-1), f(80)], 'ids[0] is -1'],
    ['readRows', [m.handle, i(0, 1, 2), f(119)], 'y has 119 elements; 3 x 40 are needed'],

    ['product', [f(39), 1, [m.handle], [f(20)]], 'x has 39 elements; 1 x 40 are needed'],
    ['product', [f(80), 2, [m.handle], [f(39)]], 'every element of y has 39 elements; 2 x 20 are needed'],
    ['product', [f(40), 0, [m.handle], [f(20)]], 'n is 0'],
    ['product', [f(40), 2 ** 31, [m.handle], [f(20)]], 'n is 2147483648'],
    ['product', [f(40), 1, [], []], 'matrices has 0 elements'],
    ['product', [f(40), 1, [m.handle], [f(20), f(20)]], 'y has 2 elements, matrices has 1'],
    [
      'product',
      [f(50), 1, [m.handle, other.handle], [f(20), f(20)]],
      'matrices[1] has 50 cols, the first 40',
    ],
    ['product', [f(40), 1, [cache], [f(20)]], 'every element of matrices must be a QuantisedMatrix'],
    ['product', [f(40), 1, [Object.create(m.handle)], [f(20)]], 'must be a QuantisedMatrix'],
    ['product', [new Float64Array(40), 1, [m.handle], [f(20)]], 'x must be a Float32Array'],
    ['product', [shared.subarray(0, 40), 1, [m.handle], [shared.subarray(39)]], 'overlaps x in memory'],
    [
      'product',
      [f(40), 1, [m.handle, m.handle], [shared, shared.subarray(19)]],
      'overlaps every element of y',
    ],

    ['product', [f(40), 1, [m.handle], [f(20)], null], 'biases must be an array'],
    ['product', [f(40), 1, [m.handle], [f(20)], f(20)], 'biases must be an array'],
    ['product', [f(40), 1, [m.handle], [f(20)], [f(20), f(20)]], 'biases has 2 elements, matrices has 1'],
    ['product', [f(40), 1, [m.handle], [f(20)], [20]], 'every element of biases must be a Float32Array'],
    ['product', [f(40), 1, [m.handle], [f(20)], [f(19)]], 'every element of biases has 19 elements; 20 x 1'],
    ['product', [f(40), 1, [m.handle], [f(20)], [f(0)]], 'every element of biases has 0 elements; 20 x 1'],
    [
      'product',
      [f(40), 1, [m.handle, m.handle], [shared, f(20)], [undefined, shared.subarray(980)]],
      'overlaps every element of biases',
    ],

    ['expert', [m.handle, other.handle, m.handle], 'up is [20, 50]; gate is [20, 40]'],
    ['expert', [m.handle, m.handle, m.handle], 'down is [20, 40]; gate is [20, 40]'],
    ['expert', [...matrices, 5], 'form must be an object'],
    ['expert', [...matrices, null], 'form must be an object'],
    ['expert', [...matrices, { gateBias: [1] }], 'form.gateBias must be a Float32Array'],
    ['expert', [...matrices, { gateBias: f(19) }], 'form.gateBias has 19 elements; 20 x 1 are needed'],
    ['expert', [...matrices, { upBias: f(0) }], 'form.upBias has 0 elements; 20 x 1 are needed'],
    ['expert', [...matrices, { downBias: f(39) }], 'form.downBias has 39 elements; 40 x 1 are needed'],
    ['expert', [...matrices, { clamp: 7 }], 'form.clamp must be an object'],
    ['expert', [...matrices, { clamp: {} }], 'form.clamp.alpha must be a number'],
    ['expert', [...matrices, { clamp: { alpha: 1 } }], 'form.clamp.limit must be a number'],
    ['expert', [...matrices, { clamp: { alpha: 1e39, limit: 1 } }], 'form.clamp.alpha is 1e+39'],
    [
      'expert',
      [...matrices, { clamp: { alpha: 1, limit: 0 } }],
      'form.clamp.limit is 0; it must be a finite',
    ],
    ['expert', [...matrices, { clamp: { alpha: 1, limit: 1e39 } }], 'form.clamp.limit is 1e+39'],
    ['experts', [f(40), [], i(1), f(40)], 'experts has 0 elements'],
    ['experts', [f(40), [m.handle], i(1), f(40)], 'every element of experts must be an ExpertMatrices'],
    ['experts', [f(90), [expert, wide], i(1, 1), f(90)], 'experts[1] is 20 x 50 inside, the first 20 x 40'],
    ['experts', [f(80), [expert, expert], i(2), f(80)], 'counts has 1 elements; 2 x 1 are needed'],
    ['experts', [f(80), [expert, expert], i(2, -1), f(80)], 'counts[1] is -1'],
    ['experts', [f(80), [expert], i(3), f(120)], 'x has 80 elements; 3 x 40 are needed'],
    ['experts', [f(120), [expert], i(3), f(119)], 'y has 119 elements'],
    ['experts', [f(80), [expert], i(2), f(80), i(0, 0, 1)], 'places has 3 elements; 2 x 2 are needed'],
    [
      'experts',
      [f(80), [expert], i(2), f(80), i(0, 0, 2, 1)],
      'places[1] is row 2 of x and 1 of y, which have 2 and 2',
    ],
    ['experts', [f(80), [expert], i(2), f(80), i(0, -1, 1, 1)], 'places[0] is row 0 of x and -1 of y'],
    ['experts', [f(80), [expert], i(2), f(80), [0, 0, 1, 1]], 'places must be an Int32Array'],

    ['combine', [f(80), f(80), f(2), 0, 40, 2], 'k is 0'],
    ['combine', [f(79), f(80), f(2), 1, 40, 2], 'residual has 79 elements; 2 x 40 are needed'],
    ['combine', [f(80), f(159), f(4), 2, 40, 2], 'answers has 159 elements; 4 x 40 are needed'],
    ['combine', [f(80), f(80), f(1), 1, 40, 2], 'weights has 1 elements; 2 x 1 are needed'],
    ['combine', [f(80), f(80), f(2), 1, 40, 2, new Uint8Array(1)], 'mask has 1 elements'],
    ['combine', [shared, shared, f(2), 1, 40, 2], 'residual overlaps answers'],

    ['scaleRows', [f(79), f(2), 40, 2], 'y has 79 elements; 2 x 40 are needed'],
    ['scaleRows', [f(80), f(1), 40, 2], 'factors has 1 elements; 2 x 1 are needed'],
    ['scaleRows', [f(80), f(2), 0, 2], 'width is 0'],
    ['scaleRows', [f(80), f(2), 40, 0], 'n is 0'],
    ['scaleRows', [shared, shared.subarray(5), 40, 2], 'y overlaps factors'],

    ['rmsnorm', [f(40), f(0), 1e-6, f(40), 1], 'weight has 0 elements'],
    ['rmsnorm', [f(40), f(30), 1e-6, f(60), 2], 'x has 40 elements; 2 x 30 are needed'],
    ['rmsnorm', [f(40), f(40), -1, f(40), 1], 'eps is -1'],
    ['rmsnorm', [shared, f(40), 1e-6, shared, 1], 'y overlaps x'],
    ['addRmsnorm', [f(40), f(39), f(40), 0, f(40), f(40), 1], 'o has 39 elements'],
    ['addRmsnorm', [shared, f(40), f(40), 0, shared.subarray(1), f(40), 1], 'residual overlaps h'],
    ['scores', [f(40), f(399), 10, 40, f(10), 1], 'weights has 399 elements; 10 x 40 are needed'],
    ['scores', [f(40), f(400), 10, 40, f(9), 1], 'y has 9 elements'],

    ['cache', [4, 2, 2, 7], 'headDim is 7; rotation needs an even one'],
    ['cache', [2 ** 24, 4096, 4096, 1024], 'are more than can be mapped'],
    ['readPage', [cache, 4, new Uint8Array(cache.pageBytes)], 'page is 4'],
    [
      'readPage',
      [cache, 0, new Uint8Array(cache.pageBytes - 1)],
      `bytes has ${cache.pageBytes - 1} elements`,
    ],
    ['writePage', [cache, 0, f(cache.pageBytes)], 'bytes'],
    ['spans', [cache, i(0, 3), i(0, 2, 30)], 'spans has 3 elements; four for each span'],
    ['spans', [cache, i(0, 3), i()], 'spans has 0 elements'],
    ['spans', [cache, i(0, 4), i(0, 2, 30, 5)], 'pages[1] is 4; the cache has 4 pages'],
    ['spans', [cache, i(0, 3), i(1, 2, 30, 5)], 'names entries 1 to 3 of pages, which has 2'],
    ['spans', [cache, i(0, 3), i(0, 2, 60, 5)], 'ends at position 65, its 2 pages hold 64'],
    ['spans', [cache, i(0, 3), i(0, 2, 30, 0)], 'span 0 has no rows'],
    ['spans', [cache, i(0, 3), i(0, 2, -1, 1)], 'number 2 of span 0 is negative'],
    ['rotate', replaced(rotation(), 1, 2), 'layer is 2'],
    ['rotate', replaced(rotation(), 2, f(159)), 'q has 159 elements; 5 x 32 are needed'],
    ['rotate', replaced(rotation(), 3, f(79)), 'k has 79 elements'],
    ['rotate', replaced(rotation(), 4, f(79)), 'v has 79 elements'],
    ['rotate', replaced(rotation(), 5, f(19)), 'cos has 19 elements; 5 x 4 are needed'],
    ['rotate', replaced(rotation(), 7, 3), "heads is 3, no multiple of the cache's 2 key heads"],
    ['rotate', replaced(rotation(), 8, f(9)), 'qNorm has 9 elements; 8 (a head) or 32 (the row) are needed'],
    ['rotate', replaced(rotation(), 9, f(32)), 'kNorm has 32 elements'],
    ['rotate', replaced(rotation(), 9, null), 'kNorm must be a Float32Array'],
    ['rotate', [...rotation(), -2], 'rotary is -2; it must be a whole number from 0 to 8'],
    ['rotate', [...rotation(), 10], 'rotary is 10; it must be a whole number from 0 to 8'],
    ['rotate', [...rotation(), 3], 'rotary is 3; it must be even'],
    ['rotate', [...replaced(rotation(), 5, f(9)), 4], 'cos has 9 elements; 5 x 2 are needed'],
    ['rotate', [...replaced(rotation(), 6, f(9)), 4], 'sin has 9 elements; 5 x 2 are needed'],
    ['rotate', [...replaced(rotation(), 6, undefined), 0], 'sin must be a Float32Array'],
    ['rotate', [...rotation(), 8, 1], 'normLast must be a boolean'],
    ['attention', [...attention(), 1], 'options must be an object'],
    ['attention', [...attention(), null], 'options must be an object'],
    ['attention', [...attention(), { window: -1 }], 'options.window is -1; it must be a whole number from 0'],
    ['attention', [...attention(), { window: 1.5 }], 'options.window is 1.5'],
    ['attention', [...attention(), { window: '1' }], 'options.window must be a number'],
    ['attention', [...attention(), { window: Number.POSITIVE_INFINITY }], 'options.window is inf'],
    ['attention', [...attention(), { chunk: 2 ** 40 }], 'options.chunk is 1099511627776'],
    ['attention', [...attention(), { sinks: [1, 2, 3, 4] }], 'options.sinks must be a Float32Array'],
    ['attention', [...attention(), { sinks: f(3) }], 'options.sinks has 3 elements; 4 x 1 are needed'],
    ['attention', [...attention(), { sinks: f(0) }], 'options.sinks has 0 elements'],
    [
      'attention',
      [...replaced(attention(), 5, shared), { sinks: shared.subarray(900) }],
      'y overlaps options.sinks',
    ],
    ['attention', [spans, 0, f(160), 4, Number.NaN, f(159)], 'y has 159 elements'],
    ['attention', [spans, 0, f(159), 4, 1, f(160)], 'q has 159 elements'],
    ['attention', [cache, 0, f(160), 4, 1, f(160)], 'spans must be a StepSpans'],

    ['argmax', [f(100), 2, 51, i(0, 0), f(2)], 'logits has 100 elements; 2 x 51 are needed'],
    ['argmax', [f(100), 2, 50, i(0), f(2)], 'ids has 1 elements'],
    ['topk', [f(100), 1, 100, 101, new Int32Array(101), f(101)], 'k is 101'],
    ['topk', [f(100), 1, 100, 10, new Int32Array(10), f(9)], 'values has 9 elements'],
    ['logsumexp', [f(100), 1, 100, 0, new Float64Array(1)], 'temperature is 0; it must be above 0'],
    ['logsumexp', [f(100), 1, 100, 1, f(1)], 'y must be a Float64Array'],
  ])('gets an error that names it: %s %#', (name, values, message) => {
    expect(() => call(name, ...values)).toThrow(message);
  });

  it('gets an error and no crash if a function is called without arguments', () => {
    const quiet = new Set(['paths', 'path', 'threads', 'prefetches', 'prefetch']);
    for (const name of Object.keys(kernels)) {
      if (!quiet.has(name)) expect(() => call(name), name).toThrow(/must be/);
    }
  });

  it('gets an error and no crash if a getter of a list detaches the buffers', () => {
    const x = f(40);
    const y = f(20);
    const matrices = [m.handle];
    Object.defineProperty(matrices, 0, {
      get: () => {
        structuredClone(x.buffer, { transfer: [x.buffer] });
        return m.handle;
      },
    });
    expect(() => kernels.product(x, 1, matrices, [y])).toThrow('x has 0 elements; 1 x 40 are needed');
  });

  it('gets an error and no crash if a getter of an object detaches the buffers, and its own error if it throws', () => {
    const [y, bias] = [f(160), f(40)];
    const detaching = {
      get window() {
        structuredClone(y.buffer, { transfer: [y.buffer] });
        return 3;
      },
    };
    expect(() => call('attention', ...replaced(attention(), 5, y), detaching)).toThrow('y has 0 elements');
    const form = {
      downBias: bias,
      get clamp() {
        structuredClone(bias.buffer, { transfer: [bias.buffer] });
        return undefined;
      },
    };
    expect(() => call('expert', ...matrices, form)).toThrow('form.downBias has 0 elements');
    const throwing = {
      get clamp() {
        throw new Error('of the getter');
      },
    };
    expect(() => call('expert', ...matrices, throwing)).toThrow('of the getter');
  });

  it('has no effect on later calls', () => {
    const y = f(20);
    kernels.product(draw(5, 40), 1, [m.handle], [y]);
    expect(y.some((value) => value !== 0)).toBe(true);
  });
});
