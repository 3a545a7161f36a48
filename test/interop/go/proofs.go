// Offline proof files (c2sp.org/tlog-proof), by the formats library.

package main

import (
	"errors"

	"github.com/transparency-dev/formats/log"
	fproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// formatProof writes index, proof, extra (when not empty) and the checkpoint text as a proof file.
func formatProof(r request) (answer, error) {
	file := fproof.TLogProof{Index: uint64(r.Index), Checkpoint: []byte(r.Text), ExtraData: r.Extra}
	for _, hash := range r.Proof {
		file.Hashes = append(file.Hashes, hash)
	}
	return answer{"text": string(file.Marshal())}, nil
}

// verifyProof checks that text proves entry to be in the log of origin and key; keys are those of cosigners, all of
// which must have signed.
func verifyProof(r request) (answer, error) {
	var file fproof.TLogProof
	if err := file.Unmarshal([]byte(r.Text)); err != nil {
		return nil, err
	}
	if string(file.Marshal()) != r.Text {
		return nil, errors.New("the proof file is not as the library would write it")
	}
	list, err := verifiers(append([]string{r.Key}, r.Keys...))
	if err != nil {
		return nil, err
	}
	c, _, n, err := log.ParseCheckpoint(file.Checkpoint, r.Origin, list[0], list[1:]...)
	if err != nil {
		return nil, err
	}
	if len(n.Sigs) != len(list) {
		return nil, errors.New("a cosignature is missing")
	}
	var hashes [][]byte
	for i := range file.Hashes {
		hashes = append(hashes, file.Hashes[i][:])
	}
	leafHash := rfc6962.DefaultHasher.HashLeaf(r.Entry)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, file.Index, c.Size, leafHash, hashes, c.Hash); err != nil {
		return nil, err
	}
	return answer{"index": file.Index, "size": c.Size, "root": c.Hash, "extra": file.ExtraData}, nil
}
