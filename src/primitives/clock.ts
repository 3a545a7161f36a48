/** Time as a port: services are handed a clock, so that tests and simulations own it. */

/** Answers the wall-clock time in milliseconds since the Unix epoch. It may jump either way. */
export type Clock = () => number
