// How long `up` is not ready while a shard that was killed restarts and other work keeps the machine busy: `node
// bench/fleet/restart.ts [--model DIR] [--busy 4] [--kills 6]`. The `--patience` of gateways must be
// longer than this time. The last line is JSON.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { readFlags } from '../flags.ts';
import { treeOf } from '../process-tree.ts';
import { startUp } from '../up-process.ts';

const flags = readFlags({
  model: 'nano',
  /** Number of processes that only take CPU time. */
  busy: '4',
  kills: '6',
});

/** The child ends when this process ends. */
function busyProcess(): ChildProcess {
  const turn =
    'const turn = () => { for (const end = Date.now() + 50; Date.now() < end; ); setImmediate(turn); };';
  const script = `process.on('disconnect', () => process.exit()); ${turn} turn();`;
  return spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

const startedAt = performance.now();
const busy = Array.from({ length: Number(flags.busy) }, busyProcess);
const up = await startUp(flags.model, ['--shards', '4', '--log-level', 'silent']);
console.log(`ready after ${Math.round(performance.now() - startedAt)} ms`);

async function until(ready: boolean): Promise<void> {
  while ((await fetch(`${up.url}/health/ready`)).ok !== ready) await delay(20);
}

/** The shard that started last, which has the highest process id. It has replaced the shard that was killed before. */
const victim = () => Math.max(...treeOf(up.pid).filter((pid) => pid !== up.pid));
const missedMs: number[] = [];
for (let kill = 0; kill < Number(flags.kills); kill++) {
  await until(true);
  const killedAt = performance.now();
  process.kill(victim(), 'SIGKILL');
  await until(false);
  await until(true);
  missedMs.push(Math.round(performance.now() - killedAt));
  console.log(`kill ${kill + 1}: ready again after ${missedMs.at(-1)} ms`);
}
await up.stop();
for (const each of busy) each.disconnect();
console.log(JSON.stringify({ busy: busy.length, missedMs, longestMs: Math.max(...missedMs) }));
