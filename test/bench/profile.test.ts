import { describe, expect, it } from 'vitest';
import { cpuTimeOf, parseStat, profileOf } from '../../bench/cpu-time.ts';

it('a stat file gives the name and the CPU time of a thread, even if brackets and spaces stand in the name', () => {
  const text = '77 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 31 0 0 20 0 1';
  expect(parseStat(text)).toEqual({ name: 'a (b) c', userMs: 2500, systemMs: 310 });
});

it('the CPU time of a process grows while it computes', () => {
  const before = cpuTimeOf(process.pid);
  const from = process.cpuUsage();
  while (process.cpuUsage(from).user < 100_000);
  const { othersMs, kernelThreadsMs } = cpuTimeOf(process.pid);
  expect(othersMs + kernelThreadsMs - before.othersMs - before.kernelThreadsMs).toBeGreaterThanOrEqual(80);
});

describe('a profile', () => {
  const none = { kernelThreadsMs: 0, othersMs: 0, systemMs: 0 };
  const before = {
    gateway: none,
    shards: [none, none],
    shardRunsMs: 5,
    machine: { busyMs: 1000, idleMs: 50 },
  };
  const after = {
    gateway: { kernelThreadsMs: 20, othersMs: 70, systemMs: 6 },
    shards: [
      { kernelThreadsMs: 1, othersMs: 30, systemMs: 3 },
      { kernelThreadsMs: 2, othersMs: 40, systemMs: 4 },
    ],
    shardRunsMs: 25,
    machine: { busyMs: 1180, idleMs: 90 },
  };
  const parts = profileOf(before, after, 30);

  it('takes the calls of kernels from the time of gateway and shards', () => {
    expect(Object.fromEntries(parts.map(({ name, ms }) => [name, ms]))).toEqual({
      "gateway's kernels, calling thread": 30,
      "gateway's kernels, other threads": 20,
      'gateway, everything else': 40,
      "shards' kernels, calling threads": 20,
      "shards' kernels, other threads": 3,
      'shards, everything else': 50,
      'operating system, for the gateway': 6,
      'operating system, for the shards': 7,
      'other processes': 4,
      idle: 40,
    });
  });

  it('adds up to the time of all cores', () => {
    expect(parts.reduce((sum, { ms }) => sum + ms, 0)).toBe(180 + 40);
  });
});
