// Checks the effect of the first and of later Ctrl-C and SIGTERM.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { onSignals } from '../../cli/signals.ts';

let told: string[];
let stop: () => void;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
  told = [];
  stop = onSignals({ drain: (signal) => told.push(`drain ${signal}`), halt: () => told.push('halt') });
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

it.each(['SIGINT', 'SIGTERM'] as const)('the first %s asks for a clean end', (signal) => {
  process.emit(signal, signal);
  expect(told).toEqual([`drain ${signal}`]);
});

it('two Ctrl-C within 250 ms count as one', () => {
  process.emit('SIGINT', 'SIGINT');
  vi.advanceTimersByTime(100);
  process.emit('SIGINT', 'SIGINT');
  expect(told).toEqual(['drain SIGINT']);
});

it('a later Ctrl-C asks for an immediate end, only once', () => {
  process.emit('SIGTERM', 'SIGTERM');
  vi.advanceTimersByTime(300);
  process.emit('SIGINT', 'SIGINT');
  process.emit('SIGINT', 'SIGINT');
  expect(told).toEqual(['drain SIGTERM', 'halt']);
});

it('a later SIGTERM has no effect', () => {
  process.emit('SIGINT', 'SIGINT');
  vi.advanceTimersByTime(300);
  process.emit('SIGTERM', 'SIGTERM');
  expect(told).toEqual(['drain SIGINT']);
});
