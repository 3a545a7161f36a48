// Package merkle has what witnessctl uses of sigsum-go's package of this name.
package merkle

import "sigsum.org/sigsum-go/pkg/crypto"

// HashEmptyTree is the root of the tree without leaves, as of RFC 6962 section 2.1.
func HashEmptyTree() crypto.Hash { return crypto.HashBytes(nil) }
