// The pods of one Deployment or StatefulSet in simulated time: they take time to start, and time to leave.

export interface Pod<Work> {
  readyAt: number;
  /** When it is gone. Undefined: it was not told to leave. */
  goneAt: number | undefined;
  work: Work;
}

export interface PodTimes {
  /** From the decision until it serves: scheduling, image, weights and checks. */
  startSeconds: number;
  /** Longest time from SIGTERM until it is gone. */
  drainSeconds: number;
}

export function serves({ readyAt, goneAt }: Pod<unknown>, now: number): boolean {
  return goneAt === undefined && readyAt <= now;
}

/** Pods that were not told to leave. */
export function staying<Work>(pods: readonly Pod<Work>[]): Pod<Work>[] {
  return pods.filter(({ goneAt }) => goneAt === undefined);
}

/** Starts pods, or tells pods to leave: first those that are not ready, then the newest, as Deployments and StatefulSets do. */
export function scaleTo<Work>(
  pods: Pod<Work>[],
  count: number,
  { now, startSeconds, drainSeconds, newWork }: PodTimes & { now: number; newWork: () => Work },
): void {
  const stay = staying(pods).sort((a, b) => a.readyAt - b.readyAt);
  for (let i = stay.length; i < count; i++) {
    pods.push({ readyAt: now + startSeconds, goneAt: undefined, work: newWork() });
  }
  for (const pod of stay.slice(count)) pod.goneAt = pod.readyAt > now ? now : now + drainSeconds;
}
