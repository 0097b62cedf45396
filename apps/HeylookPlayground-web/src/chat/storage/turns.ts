let last: Promise<unknown> = Promise.resolve();

/** Runs steps with the storage one after the other, so that each begins where the one before has ended. */
export function inTurn<T>(step: () => Promise<T>): Promise<T> {
  const next = last.then(step);
  last = next.catch(() => undefined);
  return next;
}
