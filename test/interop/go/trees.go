// Merkle trees and proofs: x/mod's tlog makes them; it and transparency-dev/merkle both judge them.

package main

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// The one tree of this process, grown by "grow".
var (
	stored  []tlog.Hash
	entries int64
)

var reader = tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(stored)) {
			return nil, fmt.Errorf("no stored hash %d", at)
		}
		list[i] = stored[at]
	}
	return list, nil
})

// grow appends entries and answers the size and root.
func grow(r request) (answer, error) {
	for _, entry := range r.Entries {
		hashes, err := tlog.StoredHashes(entries, entry, reader)
		if err != nil {
			return nil, err
		}
		stored = append(stored, hashes...)
		entries++
	}
	return root(request{Size: entries})
}

// root answers the root of the first size entries.
func root(r request) (answer, error) {
	hash, err := tlog.TreeHash(r.Size, reader)
	return answer{"size": r.Size, "root": hash}, err
}

// tile answers the bytes of tile index at level, size hashes wide.
func tile(r request) (answer, error) {
	data, err := tlog.ReadTileData(tlog.Tile{H: 8, L: r.Level, N: r.Index, W: int(r.Size)}, reader)
	return answer{"data": data}, err
}

// proveInclusion answers the proof of entry index in the tree of size.
func proveInclusion(r request) (answer, error) {
	list, err := tlog.ProveRecord(r.Size, r.Index, reader)
	return answer{"proof": nonNil(list)}, err
}

// proveConsistency answers the proof that the tree of size first is a prefix of that of size.
func proveConsistency(r request) (answer, error) {
	list, err := tlog.ProveTree(r.Size, r.First, reader)
	return answer{"proof": nonNil(list)}, err
}

func nonNil(list []tlog.Hash) []tlog.Hash {
	if list == nil {
		return []tlog.Hash{}
	}
	return list
}

func slices(list []tlog.Hash) [][]byte {
	var out [][]byte
	for i := range list {
		out = append(out, list[i][:])
	}
	return out
}

// verdicts answers what each library says; the operation succeeds when both accept.
func verdicts(byTlog, byMerkle error) (answer, error) {
	said := func(err error) string {
		if err == nil {
			return "accepted"
		}
		return err.Error()
	}
	return answer{"tlog": said(byTlog), "merkle": said(byMerkle)}, errors.Join(byTlog, byMerkle)
}

// verifyInclusion checks proof for leafHash at index in the tree of size with root.
func verifyInclusion(r request) (answer, error) {
	return verdicts(
		guard(func() error { return tlog.CheckRecord(r.Proof, r.Size, r.Root, r.Index, r.LeafHash) }),
		guard(func() error {
			return proof.VerifyInclusion(
				rfc6962.DefaultHasher, uint64(r.Index), uint64(r.Size), r.LeafHash[:], slices(r.Proof), r.Root[:])
		}))
}

// verifyConsistency checks proof between the tree of size first with firstRoot and that of size with root.
func verifyConsistency(r request) (answer, error) {
	return verdicts(
		guard(func() error { return tlog.CheckTree(r.Proof, r.Size, r.Root, r.First, r.FirstRoot) }),
		guard(func() error {
			return proof.VerifyConsistency(
				rfc6962.DefaultHasher, uint64(r.First), uint64(r.Size), slices(r.Proof), r.FirstRoot[:], r.Root[:])
		}))
}

// guard makes a panic of one library its verdict, so that the other is still heard.
func guard(check func() error) (err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("panic: %v", trouble)
		}
	}()
	return check()
}
