/** ML-DSA-44 (FIPS 204): the sizes of its keys and signatures. */

/** Bytes in a public key. */
export const MLDSA44_KEY_SIZE = 1312

/** Bytes in the seed of a key pair (ξ of FIPS 204). */
export const MLDSA44_SEED_SIZE = 32

/** Bytes in a signature. */
export const MLDSA44_SIGNATURE_SIZE = 2420
