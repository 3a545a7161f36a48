/** Every mutant still fits the program: a line that has moved would leave a suite without its teeth. */
import { expect, it } from 'vitest'
import { type MutantName, mutant, mutants } from './mutants.ts'

it.each(Object.keys(mutants) as MutantName[])('[FAULT-14] the mutant %s can be made', (name) => {
  expect(mutant(name)).toMatch(/main\.js$/)
})
