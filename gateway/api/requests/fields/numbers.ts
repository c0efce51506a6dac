// Zod schemas of numbers in request fields.
import { z } from 'zod';

/** The text of a check is the first word of OpenAI's code, as in `decimal_above_max_value`. issues.ts makes the message from it. */
export const decimal = (least: number, most: number) => z.number().min(least, 'decimal').max(most, 'decimal');
export const integer = (least: number, most: number) =>
  z.int('integer').min(least, 'integer').max(most, 'integer');

export const LARGEST_INT32 = 2 ** 31 - 1;
export const tokenId = integer(0, LARGEST_INT32);
