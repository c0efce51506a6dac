// Ctrl-C and SIGTERM: what the first and the second of them mean.
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

it('a Ctrl-C that comes twice at once is one', () => {
  process.emit('SIGINT', 'SIGINT');
  vi.advanceTimersByTime(100);
  process.emit('SIGINT', 'SIGINT');
  expect(told).toEqual(['drain SIGINT']);
});

it('a later Ctrl-C asks for an end at once, and is heard only once', () => {
  process.emit('SIGTERM', 'SIGTERM');
  vi.advanceTimersByTime(300);
  process.emit('SIGINT', 'SIGINT');
  process.emit('SIGINT', 'SIGINT');
  expect(told).toEqual(['drain SIGTERM', 'halt']);
});

it('a later SIGTERM changes nothing', () => {
  process.emit('SIGINT', 'SIGINT');
  vi.advanceTimersByTime(300);
  process.emit('SIGTERM', 'SIGTERM');
  expect(told).toEqual(['drain SIGINT']);
});
