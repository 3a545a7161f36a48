/** A promise that is settled from outside; Node 20 has no Promise.withResolvers. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** Makes one. */
export const deferred = <T>(): Deferred<T> => {
  let resolve: Deferred<T>['resolve'] | undefined
  let reject: Deferred<T>['reject'] | undefined
  const promise = new Promise<T>((...both) => {
    ;[resolve, reject] = both
  })
  if (resolve === undefined || reject === undefined) throw new Error('a promise calls its executor at once')
  return { promise, resolve, reject }
}
