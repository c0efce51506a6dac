// An AbortController that follows a signal.

/** A controller that is aborted when `signal` is. Costs less than `AbortSignal.any`, which every request would pay. */
export function abortedWith(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return controller;
}
