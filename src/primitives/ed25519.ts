/** Ed25519 (RFC 8032) by the platform where it has it, by `@noble/ed25519` elsewhere; both accept the same signatures. */
export { ed25519Provider, ed25519PublicKey, signEd25519, verifyEd25519 } from '#ed25519'
