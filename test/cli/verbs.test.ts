// Checks the values that flags of single verbs accept and refuse.
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { convertCommand } from '../../cli/verbs/bundles/convert.ts';
import { chatCommand } from '../../cli/verbs/chat.ts';
import { heatCommand } from '../../cli/verbs/heat.ts';
import { createProgram } from '../../cli/verbs.ts';

function parsed(command: Command, ...args: string[]): Record<string, unknown> {
  command.exitOverride().configureOutput({ writeErr: () => {} });
  command.parseOptions(args);
  return command.opts();
}

it('loads only the verb that is named, or all verbs if the name is unknown', async () => {
  const namesOf = async (named?: string) => (await createProgram(named)).commands.map((verb) => verb.name());
  expect(await namesOf('heat')).toEqual(['heat']);
  expect(await namesOf('toString')).toEqual(await namesOf());
  expect(await namesOf()).toHaveLength(17);
});

it('chat accepts http and https addresses and refuses others', () => {
  expect(parsed(chatCommand(), '--url', 'https://a.example').url).toBe('https://a.example');
  for (const url of ['a.example', 'ftp://a.example', 'http://'])
    expect(() => parsed(chatCommand(), '--url', url)).toThrow('It must be an address such as');
});

it('chat parses --temperature as a number and refuses other texts', () => {
  expect(parsed(chatCommand(), '--temperature', '0.7').temperature).toBe(0.7);
  for (const text of ['warm', ' ', 'NaN'])
    expect(() => parsed(chatCommand(), '--temperature', text)).toThrow('It must be a number.');
});

it('chat leaves the temperature to the model', () => {
  const command = chatCommand();
  expect(parsed(command).temperature).toBeUndefined();
  const { defaultValueDescription } = command.options.find(({ long }) => long === '--temperature')!;
  expect(defaultValueDescription).toBe("the model's own");
});

it('chat keeps a history unless --no-history is given', () => {
  expect(parsed(chatCommand()).history).toBe(true);
  expect(parsed(chatCommand(), '--no-history').history).toBe(false);
});

it('heat takes --watch with or without seconds, and is off by default', () => {
  expect(parsed(heatCommand()).watch).toBe(false);
  expect(parsed(heatCommand(), '--watch').watch).toBe(true);
  expect(parsed(heatCommand(), '--watch', '5').watch).toBe(5);
  expect(() => parsed(heatCommand(), '--watch', '0')).toThrow('from 1 to 3600');
});

it('convert accepts only groups of 32 weights', () => {
  expect(parsed(convertCommand(), '--group-size', '32').groupSize).toBe(32);
  expect(() => parsed(convertCommand(), '--group-size', '64')).toThrow('Only groups of 32');
});
