/** Prefetching: loads a few items ahead of the one being used, and hands them out in order. */

/**
 * Yields `load(item)` for each item in order, with up to `ahead` loads under way at a time. The first failure is thrown
 * in its turn; what was loaded beyond it, or beyond where the consumer stopped, is dropped.
 */
export async function* prefetch<T, R>(
  items: Iterable<T>,
  ahead: number,
  load: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const waiting: Promise<R>[] = []
  for (const item of items) {
    const loading = load(item)
    // It is awaited below, unless an earlier one fails first: then nobody asks for this one's failure.
    loading.catch(() => {})
    waiting.push(loading)
    const first = waiting.length >= ahead ? waiting.shift() : undefined
    if (first !== undefined) yield await first
  }
  for (const loading of waiting) yield await loading
}
