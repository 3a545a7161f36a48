/** ML-DSA-44 (FIPS 204) by the platform where it has it, by `@noble/post-quantum` elsewhere; both accept the same signatures. */
export { mldsa44Provider, mldsa44PublicKey, signMldsa44, verifyMldsa44 } from '#mldsa44'
export { MLDSA44_KEY_SIZE, MLDSA44_SEED_SIZE, MLDSA44_SIGNATURE_SIZE } from './mldsa44-sizes.ts'
