import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameSplitter } from '../../rpc/frame.ts';
import { framed } from './framed.ts';

function streamOf(payloads: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(payloads.map((payload) => framed(payload)));
}

test('the splitter returns the frames that were written, however the stream is cut', () => {
  const payload = fc.uint8Array({ minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(
      fc.array(payload, { maxLength: 8 }),
      fc.array(fc.nat(30), { maxLength: 60 }),
      (payloads, cuts) => {
        const stream = streamOf(payloads);
        const splitter = new FrameSplitter(60);
        const frames: Uint8Array[] = [];
        let at = 0;
        for (const length of [...cuts, stream.length]) {
          frames.push(...splitter.push(stream.subarray(at, at + length)));
          at = Math.min(at + length, stream.length);
        }
        expect(frames.map((frame) => [...frame])).toEqual(payloads.map((bytes) => [...bytes]));
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});

test('a frame within one chunk is a view of the chunk', () => {
  const stream = streamOf([new Uint8Array([1, 2, 3])]);
  const [frame] = new FrameSplitter().push(stream);
  expect(frame?.buffer).toBe(stream.buffer);
});

test('a length over the limit is refused as soon as it is read', () => {
  const splitter = new FrameSplitter(100);
  expect(() => splitter.push(new Uint8Array([0, 0, 0, 101]))).toThrow(
    'announces 101 bytes; 1 to 100 are allowed',
  );
});

test('an empty frame is refused', () => {
  expect(() => new FrameSplitter().push(new Uint8Array(4))).toThrow('announces 0 bytes');
});

test('a payload over the limit is refused when it is sent', () => {
  expect(() => framed(new Uint8Array(101), 100)).toThrow('a frame of 101 bytes exceeds the limit of 100');
});
