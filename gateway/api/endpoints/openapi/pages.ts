// The OpenAPI descriptions of `/`, `/openapi.json` and `/docs`.
import { z } from 'zod';
import { places } from '../pages/front.ts';
import { grouped, text } from './operation.ts';

const frontAnswer = z.object({
  name: z.literal('expertgrid'),
  ...Object.fromEntries(Object.keys(places).map((place) => [place, text])),
});

export const pageOperations = grouped('Describe', {
  'get /': {
    summary: 'Paths of the API',
    description:
      'The paths are relative. A browser, which accepts HTML, is redirected to the console by a 302.',
    answer: { name: 'Front', zod: frontAnswer, example: { name: 'expertgrid', ...places } },
    failures: 'open',
  },
  'get /openapi.json': {
    summary: 'The description of this API, in OpenAPI 3.1',
    answer: { name: 'Document', zod: z.object({ openapi: text }), example: { openapi: '3.1.0' } },
    failures: 'open',
  },
  'get /docs': {
    summary: 'The description as a page that can send requests',
    type: 'text/html',
    failures: 'open',
  },
});
