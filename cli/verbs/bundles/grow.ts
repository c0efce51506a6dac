// `expertgrid grow`: makes a larger checkpoint from a checkpoint.
import { Command, Option } from 'commander';
import { formatBytes } from '../../../base/format-bytes.ts';
import { denseTypes } from '../../../model/grow/dense-config.ts';
import { type GrowOptions, grow } from '../../../model/grow/grow.ts';
import { isDenseCheckpoint } from '../../../model/grow/grown-model.ts';
import { type Growth, USUAL_ENDS, USUAL_NOISE } from '../../../model/grow/growth.ts';
import { flag, integer, shareOrNone, UsageError } from '../../flags/flags.ts';
import { requireHuggingFace } from '../../flags/model-paths.ts';
import { progressBar } from '../../terminal/progress.ts';
import { untilInterrupted } from '../../terminal/write-bundle.ts';

interface Flags {
  from: string;
  to: string;
  depth?: true;
  width?: true;
  experts?: number;
  keepEnds?: number;
  noise?: number;
  seed?: number;
}

export function growCommand(): Command {
  const command = new Command('grow').description(
    'Make a larger checkpoint from a Hugging Face checkpoint, to train it further: with each layer twice, with copies of each ' +
      'expert, or with experts in place of the MLPs of a dense model. Give one of --depth, --width and --experts.',
  );
  for (const option of [...pathFlags(), ...wayFlags(), ...settingFlags()]) command.addOption(option);
  return command.action(async ({ from, to, ...flags }: Flags) => {
    const growth = growthOf(flags);
    if (!(await isDenseCheckpoint(from))) await requireHuggingFace(from);
    await run({ from, to, growth });
  });
}

function pathFlags(): Option[] {
  const from =
    'Directory of the checkpoint, with config.json and safetensors weights: a mixture in a layout that convert reads, or for ' +
    `--experts also a dense model (${denseTypes.join(', ')})`;
  const to = 'Directory of the new checkpoint; it must be empty or not exist';
  return [flag('--from <dir>', from).makeOptionMandatory(), flag('--to <dir>', to).makeOptionMandatory()];
}

/** These have no environment variables: EXPERTGRID_EXPERTS means the experts that a process holds. */
function wayFlags(): Option[] {
  const experts =
    'Number of experts of each layer, at least 2. From a mixture, it must be a multiple of its experts, and as many times more ' +
    'experts serve a token. From a dense model, every expert is the MLP, and one serves a token';
  return [
    new Option('--depth', 'Put a copy of each layer after it, except of the first and the last --keep-ends'),
    new Option('--width', 'Double the experts of each layer, and the number of experts for each token'),
    new Option('--experts <n>', experts).argParser(integer({ min: 2, max: 65_535 })),
  ];
}

function settingFlags(): Option[] {
  const ends = `With --depth: number of layers at each end that stay single (default: ${USUAL_ENDS})`;
  const noise =
    'With --width and --experts: standard deviation of the noise that is added to copies of experts and of their rows of the ' +
    "router, as a multiple of the tensor's own (0–1); with 0, the model computes the same " +
    `(default: ${USUAL_NOISE}, and 0 for a dense model)`;
  const seed = 'With --width and --experts: seed of the random numbers (default: 0)';
  return [
    flag('--keep-ends <n>', ends).argParser(integer()),
    flag('--noise <x>', noise).argParser(shareOrNone),
    flag('--seed <n>', seed).argParser(integer()),
  ];
}

async function run({ from, to, growth }: Pick<GrowOptions, 'from' | 'to' | 'growth'>): Promise<void> {
  const bar = progressBar({ label: 'growing' });
  await untilInterrupted('stopped; nothing is left of the new checkpoint', async (signal) => {
    const onProgress = ({ done, total }: { done: number; total: number }) => bar.update(done, total);
    const grown = await grow({ from, to, growth, signal, onProgress }).finally(() => bar.end());
    const { layers, experts, expertsPerToken } = grown.config;
    const perToken = [...new Set(expertsPerToken)].sort((a, b) => a - b).join(' or ');
    const shape = `${layers} layers, ${experts} experts, ${perToken} for each token`;
    process.stdout.write(`${grown.dir}: ${formatBytes(grown.bytes)}, ${shape}\n`);
  });
}

/** Throws a UsageError unless the flags name one way to grow, and only its own settings. */
export function growthOf(flags: Omit<Flags, 'from' | 'to'>): Growth {
  const { depth, width, experts, keepEnds, noise, seed } = flags;
  const ways = [depth, width, experts].filter((way) => way !== undefined);
  if (ways.length !== 1) throw new UsageError('give exactly one of --depth, --width and --experts');
  if (depth) {
    if (noise !== undefined || seed !== undefined)
      throw new UsageError('--noise and --seed have no effect with --depth, because its copies are exact');
    return { kind: 'depth', keepEnds: keepEnds ?? USUAL_ENDS };
  }
  if (keepEnds !== undefined) throw new UsageError('--keep-ends has an effect only with --depth');
  return { kind: 'width', experts, noise, seed: seed ?? 0 };
}
