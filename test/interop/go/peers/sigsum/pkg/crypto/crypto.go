// Package crypto has the types of sigsum-go's package of this name that witnessctl uses.
package crypto

import "crypto/sha256"

// PublicKeySize is the size of an Ed25519 public key.
const PublicKeySize = 32

// A PublicKey is an Ed25519 public key.
type PublicKey [PublicKeySize]byte

// A Hash is a SHA-256 hash.
type Hash [sha256.Size]byte

// HashBytes is SHA-256.
func HashBytes(b []byte) Hash { return sha256.Sum256(b) }
