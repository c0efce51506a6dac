// Samples this thread with V8's profiler, and prints the files and native functions in which it spends its time.
import { Session } from 'node:inspector/promises';
import { table } from '../print.ts';

const SAMPLE_US = 100;
/** Lines of the table. */
const LINES = 25;

/** Runs `work`. If `on`, prints its profile under the title `name`. */
export async function profiled<Result>(
  name: string,
  on: boolean,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!on) return await work();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  await session.post('Profiler.start');
  const result = await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spentUs = new Map<string, number>();
  let totalUs = 0;
  for (const [i, id] of (profile.samples ?? []).entries()) {
    const { functionName = '', url = '' } = frames.get(id) ?? {};
    if (functionName === '(idle)') continue;
    const us = profile.timeDeltas?.[i] ?? 0;
    const place =
      url === '' ? functionName : url.replace(/^.*\/(node_modules\/|(?=(gateway|bench|base)\/))/, '');
    totalUs += us;
    spentUs.set(place, (spentUs.get(place) ?? 0) + us);
  }
  const most = [...spentUs].sort(([, a], [, b]) => b - a).slice(0, LINES);
  const cells = most.map(([place, us]) => [place, `${((100 * us) / totalUs).toFixed(1)} %`]);
  console.log(table([name, 'share of the busy time'], cells).join('\n'));
  return result;
}
