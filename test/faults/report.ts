/** How a fault suite says what it did: what was injected, what came of it, and what zero failures are worth. */
import type { Finding } from './oracle.ts'

/** The outcome of a suite. */
export interface Report {
  readonly suite: string
  readonly seed: number
  /** How many experiments were made. */
  readonly experiments: number
  /** Figures to print, by name. */
  readonly figures: Readonly<Record<string, number | string>>
  /** Broken promises, with the experiment that showed them. */
  readonly findings: readonly (Finding & { readonly experiment: string })[]
}

/** The rate of failures that `experiments` without one leave possible at 95 %: 3/n, the rule of three. */
export const ruleOfThree = (experiments: number): string =>
  experiments === 0 ? 'no bound' : `< ${Number(((100 * 3) / experiments).toPrecision(2))} % each at 95 %`

/** The report as text. */
export const formatReport = ({ suite, seed, experiments, figures, findings }: Report): string => {
  const lines = Object.entries(figures).map(([name, figure]) => `  ${name}: ${figure}`)
  const broken = findings
    .slice(0, 20)
    .map(({ invariant, what, experiment }) => `  ${invariant} ${what} (${experiment})`)
  const verdict =
    findings.length === 0
      ? `  broken promises: 0 in ${experiments} (${ruleOfThree(experiments)})`
      : `  broken promises: ${findings.length} in ${experiments}`
  return [`${suite}: ${experiments} experiments, seed ${seed}`, ...lines, verdict, ...broken].join('\n')
}
