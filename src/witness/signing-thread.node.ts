/** One of the threads of `SigningThreads`: signs the messages that it is sent, in their order. */
import { parentPort, workerData } from 'node:worker_threads'
import type { SignerKey } from '../note/key.ts'
import { signCosignedMessage } from '../tlog/signatures/mldsa44.ts'
import type { SigningTask } from './signing-threads.node.ts'

const keys = workerData as readonly SignerKey[]

parentPort?.on('message', ({ key, message }: SigningTask) => {
  const signer = keys[key]
  if (signer === undefined) throw new RangeError(`want a key below ${keys.length}, got ${key}`)
  parentPort?.postMessage(signCosignedMessage(signer, message))
})
