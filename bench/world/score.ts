// Share of the held-out tasks of the small world that a model gets right, greedy: `node bench/world/score.ts [--url
// http://127.0.0.1:8080] [--model ID] [--key KEY] [--tasks FILE] [--concurrency 4] [--show]`. It needs a gateway that
// serves the model. Prints the share right by kind; `--show` prints the wrong answers; the last line is JSON.
import { readFlags } from '../flags.ts';
import { countRight, firstModel, readTasks, rightTasks, sharesOf } from './asking.ts';
import type { Task } from './rules.ts';

const { url, key, ...flags } = readFlags({
  url: 'http://127.0.0.1:8080',
  model: undefined,
  key: undefined,
  tasks: undefined,
  concurrency: '4',
  show: false,
});

const tasks = await readTasks(flags.tasks);
const model = flags.model ?? (await firstModel({ url, key }));
const right = await rightTasks(
  tasks,
  { url, key, model },
  {
    concurrency: Number(flags.concurrency),
    onWrong: ({ id }, answer, faults) => {
      if (flags.show) console.log(`${id}: wrong by ${JSON.stringify(faults)}\n  ${JSON.stringify(answer)}`);
    },
  },
);
for (const [kind, each] of Map.groupBy(tasks, (task) => task.kind)) console.log(`${kind}: ${share(each)}`);
console.log(`all: ${share(tasks)}`);
console.log(JSON.stringify({ model, ...sharesOf(tasks, right) }));

function share(each: readonly Task[]): string {
  const count = countRight(each, right);
  return `${count} of ${each.length} (${((100 * count) / each.length).toFixed(1)} %)`;
}
