// `expertgrid heat`: draws in the terminal how often each expert of a running gateway is used.
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { flag, integer } from '../flags/flags.ts';
import { apiKeyFlag, askHeat } from '../plan/ask-heat.ts';
import { heatMap } from '../plan/heat-map.ts';

interface HeatFlags {
  watch: number | boolean;
  apiKey?: string;
}

const WATCH_SECONDS = 2;
const CLEAR = '\x1b[H\x1b[2J';

export function heatCommand(): Command {
  return new Command('heat')
    .description(
      'Show as a map how often each expert of a running gateway is used, and list the most and the least used.',
    )
    .argument('<url|file>', 'Address of the gateway, or a file with its answer to /v1/experts/heat')
    .addOption(
      flag(
        '--watch [seconds]',
        `Seconds between drawings, 1–3600; ${WATCH_SECONDS} if no number is given. Without this flag, draw once`,
      )
        .argParser(integer({ min: 1, max: 3600 }))
        .default(false),
    )
    .addOption(apiKeyFlag())
    .action(async (from: string, { watch, apiKey }: HeatFlags) => {
      if (watch === false) return void process.stdout.write(await draw(from, apiKey));
      const seconds = watch === true ? WATCH_SECONDS : watch;
      // Standard output fails if its reader, such as `head`, has ended.
      process.stdout.on('error', () => process.exit(0));
      for (;;) {
        const drawn = await draw(from, apiKey);
        process.stdout.write(process.stdout.isTTY ? CLEAR + drawn : `${drawn}\n`);
        await delay(Number(seconds) * 1000);
      }
    });
}

async function draw(from: string, apiKey: string | undefined): Promise<string> {
  const heat = await askHeat(from, { apiKey });
  const { isTTY } = process.stdout;
  const columns = process.stdout.columns || 80; // some terminals report 0
  const colour = isTTY && (process.env.NO_COLOR ?? '') === '';
  const rows = Math.round(heat.counts[0]?.reduce((sum, count) => sum + count, 0) ?? 0);
  if (rows === 0) return 'no rows have been sent to experts yet\n';
  const title = `${rows} rows per layer; a row counts half after ${heat.halfLifeSeconds / 60} minutes`;
  return `${title}\n\n${heatMap(heat, isTTY ? { columns, colour } : {})}\n`;
}
