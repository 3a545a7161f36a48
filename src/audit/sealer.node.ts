/** Sealing and random bytes by Node's crypto. */
import { createCipheriv, createDecipheriv, createHmac, randomFillSync } from 'node:crypto'
import { concatBytes } from '../primitives/bytes.ts'
import type { Sealer } from './payload.ts'

const NONCE_SIZE = 12
const TAG_SIZE = 16

/** HMAC-SHA-256. */
export const mac = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  Uint8Array.from(createHmac('sha256', key).update(message).digest())

/** A source of random bytes that asks the system for many at a time: what it hands out is never handed out again. */
export const randomSource = (): ((size: number) => Uint8Array) => {
  let pool = new Uint8Array(0)
  let used = 0
  return (size) => {
    if (used + size > pool.length) {
      pool = randomFillSync(new Uint8Array(Math.max(size, 65_536)))
      used = 0
    }
    const bytes = pool.slice(used, used + size)
    pool.fill(0, used, used + size)
    used += size
    return bytes
  }
}

/** AES-256-GCM with random nonces: a key seals what is about one subject, far below the 2^32 that SP 800-38D allows. */
export const aesSealer = (random: (size: number) => Uint8Array): Sealer => ({
  seal: (key, plain, context) => {
    const nonce = random(NONCE_SIZE)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context)
    const sealed = cipher.update(plain)
    cipher.final()
    return concatBytes(nonce, sealed, cipher.getAuthTag())
  },
  open: (key, sealed, context) => {
    if (sealed.length < NONCE_SIZE + TAG_SIZE) return undefined
    const end = sealed.length - TAG_SIZE
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_SIZE), { authTagLength: TAG_SIZE })
      decipher.setAAD(context).setAuthTag(sealed.subarray(end))
      return Uint8Array.from(concatBytes(decipher.update(sealed.subarray(NONCE_SIZE, end)), decipher.final()))
    } catch {
      return undefined
    }
  },
  join: (a, b) => mac(a, b),
})
