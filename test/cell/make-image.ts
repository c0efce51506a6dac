// Builds the image once for the whole suite, and removes what is left of the run at its end.
import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { buildImage } from './image.ts';
import { listNow, removeAll, requirePodman } from './podman.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Part of the names of everything that this run of the suite makes. */
    runName: string;
    image: string;
  }
}

const NAME = 'localhost/expertgrid:test';

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  await requirePodman();
  const runName = randomBytes(4).toString('hex');
  // A name of this run alone, because another run may give the common name to its own image.
  const image = `${NAME}-${runName}`;
  // After Ctrl-C, vitest exits without calling the function that is returned here.
  process.once('exit', remove);
  await buildImage([NAME, image]);
  provide('runName', runName);
  provide('image', image);
  return async () => {
    process.off('exit', remove);
    remove();
  };

  function remove(): void {
    removeAll(runName);
    // The image stays with its common name.
    if (listNow('images', '--quiet', image).length > 0) listNow('rmi', image);
  }
}
