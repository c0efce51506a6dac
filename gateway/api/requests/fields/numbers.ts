// Numbers as request fields have them, as zod schemas.
import { z } from 'zod';

/** The message is the noun of OpenAI's error codes, such as `decimal_above_max_value`. */
export const decimal = (least: number, most: number) => z.number().min(least, 'decimal').max(most, 'decimal');
export const integer = (least: number, most: number) =>
  z.int('integer').min(least, 'integer').max(most, 'integer');

export const LARGEST_INT32 = 2 ** 31 - 1;
export const tokenId = integer(0, LARGEST_INT32);
