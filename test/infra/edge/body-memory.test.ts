// The memory of the bodies that the edge keeps.
import { expect, test } from 'vitest';
import { BodyMemory } from '../../../infra/edge/requests/body-memory.ts';

test('refuses a body that would grow beyond what is left, and counts it once', () => {
  const memory = new BodyMemory(100);
  const first = memory.open();
  expect(first.resize(60)).toBe(true);
  expect(first.resize(80)).toBe(true);
  const second = memory.open();
  expect(second.resize(21)).toBe(false);
  expect(second.resize(20)).toBe(true);
});

test('gives back all bytes, even those of a body that is released while more are held than there is room for', () => {
  const memory = new BodyMemory(100);
  const small = memory.open();
  expect(small.resize(10)).toBe(true);
  const inMemory = memory.open(500);
  expect(small.resize(11)).toBe(false);
  small.release();
  inMemory.release();
  expect(memory.open().resize(100)).toBe(true);
});

test('gives back the bytes of a body once, however often it is released', () => {
  const memory = new BodyMemory(100);
  const body = memory.open(50);
  body.release();
  body.release();
  expect(memory.open().resize(101)).toBe(false);
  expect(memory.open().resize(100)).toBe(true);
});
