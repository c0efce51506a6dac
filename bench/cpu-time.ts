// CPU time of processes and of their threads, from Linux's /proc, and the parts of a profile.
import { readdirSync, readFileSync } from 'node:fs';
import { sum } from './statistics.ts';

/** A clock tick of /proc, which is 10 ms on every common Linux. */
const TICK_MS = 10;
/** The name of the threads of the CPU kernels, except the thread that calls a kernel (kernels/system/pool.c). */
const KERNEL_THREAD = 'kernels';

/** Milliseconds of CPU time. */
export interface CpuTime {
  /** In the program's own code: threads of the kernels, and all others. */
  kernelThreadsMs: number;
  othersMs: number;
  /** In the operating system, for the program. */
  systemMs: number;
}

/** Time of the process since its start. Threads that have ended count to the others. */
export function cpuTimeOf(pid: number): CpuTime {
  const whole = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const threads = readdirSync(`/proc/${pid}/task`).map((tid) =>
    parseStat(readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8')),
  );
  const ofKernels = threads.filter(({ name }) => name === KERNEL_THREAD);
  const kernelThreadsMs = sum(ofKernels.map(({ userMs }) => userMs));
  return { kernelThreadsMs, othersMs: whole.userMs - kernelThreadsMs, systemMs: whole.systemMs };
}

/** Name and CPU time from the text of a stat file. */
export function parseStat(text: string): { name: string; userMs: number; systemMs: number } {
  // The name stands in brackets and may itself contain brackets and spaces.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    userMs: TICK_MS * Number(fields[11]),
    systemMs: TICK_MS * Number(fields[12]),
  };
}

/** Milliseconds in which all cores together were busy and idle since the machine started. */
export function machineTime(): { busyMs: number; idleMs: number } {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = first
    .split(/ +/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busyMs: TICK_MS * busy, idleMs: TICK_MS * (idle + wait) };
}

/** Everything that is counted, in milliseconds. A profile is the difference of two counts. */
export interface Count {
  gateway: CpuTime;
  shards: readonly CpuTime[];
  /** Time that the devices of all shards have run. */
  shardRunsMs: number;
  machine: ReturnType<typeof machineTime>;
}

export const OTHER_PROCESSES = 'other processes';

export interface Part {
  name: string;
  ms: number;
}

/**
 * The parts add up to the time of all cores. `kernelCallsMs` is the time in which the engine's thread was in a kernel. The time
 * of a thread in a kernel is elapsed time, so it includes waits for a core if the machine is busy.
 */
export function profileOf(before: Count, after: Count, kernelCallsMs: number): Part[] {
  const gateway = difference(before.gateway, after.gateway);
  const shards = after.shards.map((shard, i) => difference(before.shards[i]!, shard));
  const of = (part: keyof CpuTime) => sum(shards.map((shard) => shard[part]));
  const runsMs = after.shardRunsMs - before.shardRunsMs;
  const own = [gateway, ...shards].map(({ kernelThreadsMs, othersMs, systemMs }) => {
    return kernelThreadsMs + othersMs + systemMs;
  });
  return [
    { name: "gateway's kernels, calling thread", ms: kernelCallsMs },
    { name: "gateway's kernels, other threads", ms: gateway.kernelThreadsMs },
    { name: 'gateway, everything else', ms: gateway.othersMs - kernelCallsMs },
    { name: "shards' kernels, calling threads", ms: runsMs },
    { name: "shards' kernels, other threads", ms: of('kernelThreadsMs') },
    { name: 'shards, everything else', ms: of('othersMs') - runsMs },
    { name: 'operating system, for the gateway', ms: gateway.systemMs },
    { name: 'operating system, for the shards', ms: of('systemMs') },
    { name: OTHER_PROCESSES, ms: after.machine.busyMs - before.machine.busyMs - sum(own) },
    { name: 'idle', ms: after.machine.idleMs - before.machine.idleMs },
  ];
}

function difference(before: CpuTime, after: CpuTime): CpuTime {
  return {
    kernelThreadsMs: after.kernelThreadsMs - before.kernelThreadsMs,
    othersMs: after.othersMs - before.othersMs,
    systemMs: after.systemMs - before.systemMs,
  };
}
