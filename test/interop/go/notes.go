// Keys, signed notes, checkpoints and cosignatures.

package main

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// generateKey makes a key called name of the algorithm "ed25519" (0x01), "cosignature" (0x04) or "mldsa44" (0x06).
// A cosigner's private key is of the 0x01 form, as the formats library has it.
func generateKey(r request) (answer, error) {
	var skey, vkey string
	var err error
	switch r.Algorithm {
	case "ed25519":
		skey, vkey, err = note.GenerateKey(rand.Reader, r.Name)
	case "cosignature":
		skey, vkey, err = note.GenerateKey(rand.Reader, r.Name)
		if err == nil {
			vkey, err = fnote.VKeyToCosignatureV1(vkey)
		}
	case "mldsa44":
		skey, vkey, err = fnote.GenerateMLDSAKey(r.Name)
	default:
		err = fmt.Errorf("unknown algorithm %q", r.Algorithm)
	}
	return answer{"skey": skey, "vkey": vkey}, err
}

func signer(skey string, cosign bool) (note.Signer, error) {
	if cosign {
		return fnote.NewSignerForCosignatureV1(skey)
	}
	return note.NewSigner(skey)
}

// signNote signs text, which is a note without signatures or, to add to them, one already signed by keys (vkeys),
// with the private key; the algorithm "cosignature" makes it a timestamped cosignature, ML-DSA-44 keys included.
func signNote(r request) (answer, error) {
	s, err := signer(r.Key, r.Algorithm == "cosignature")
	if err != nil {
		return nil, err
	}
	n := &note.Note{Text: r.Text}
	if len(r.Keys) > 0 {
		verifiers, err := verifiers(r.Keys)
		if err != nil {
			return nil, err
		}
		if n, err = note.Open([]byte(r.Text), note.VerifierList(verifiers...)); err != nil {
			return nil, err
		}
	}
	signed, err := note.Sign(n, s)
	return answer{"text": string(signed)}, err
}

func verifiers(vkeys []string) ([]note.Verifier, error) {
	var list []note.Verifier
	for _, vkey := range vkeys {
		v, err := fnote.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("vkey %q: %w", vkey, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// signedBy lists the key names of signatures with their hashes in hex, as vkeys begin.
func signedBy(signatures []note.Signature) []string {
	list := []string{}
	for _, s := range signatures {
		list = append(list, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	return list
}

// verifyNote opens text with keys; those of type 0x01 are verified by x/mod itself, the others by the formats library.
func verifyNote(r request) (answer, error) {
	list, err := verifiers(r.Keys)
	if err != nil {
		return nil, err
	}
	n, err := note.Open([]byte(r.Text), note.VerifierList(list...))
	if err != nil {
		return nil, err
	}
	return answer{"text": n.Text, "signedBy": signedBy(n.Sigs), "unknown": signedBy(n.UnverifiedSigs)}, nil
}

// verifyCheckpoint opens text as a checkpoint of origin by the log's key; keys are those of cosigners.
func verifyCheckpoint(r request) (answer, error) {
	list, err := verifiers(append([]string{r.Key}, r.Keys...))
	if err != nil {
		return nil, err
	}
	c, rest, n, err := log.ParseCheckpoint([]byte(r.Text), r.Origin, list[0], list[1:]...)
	if err != nil {
		return nil, err
	}
	return answer{
		"size": c.Size, "root": c.Hash, "rest": string(rest), "signedBy": signedBy(n.Sigs),
		"unknown": signedBy(n.UnverifiedSigs),
	}, nil
}

// signSubtree signs root as that of the entries first to size of origin, with an ML-DSA-44 key at time.
func signSubtree(r request) (answer, error) {
	s, err := fnote.NewMLDSASigner(r.Key)
	if err != nil {
		return nil, err
	}
	signature, err := s.SignSubtree(r.Time, r.Origin, uint64(r.First), uint64(r.Size), r.Root[:])
	return answer{"signature": signature}, err
}

// verifySubtree verifies signature (timestamp and ML-DSA-44 signature) for what signSubtree signs.
func verifySubtree(r request) (answer, error) {
	v, err := fnote.NewMLDSAVerifier(r.Key)
	if err != nil {
		return nil, err
	}
	if !v.VerifySubtree(r.Time, r.Origin, uint64(r.First), uint64(r.Size), r.Root[:], r.Signature) {
		return nil, errors.New("the signature does not verify")
	}
	return nil, nil
}

// formatTree writes size and root as the Go checksum database does.
func formatTree(r request) (answer, error) {
	return answer{"text": string(tlog.FormatTree(tlog.Tree{N: r.Size, Hash: r.Root}))}, nil
}

// parseTree reads text as the Go checksum database's clients do.
func parseTree(r request) (answer, error) {
	tree, err := tlog.ParseTree([]byte(r.Text))
	return answer{"size": tree.N, "root": tree.Hash}, err
}
