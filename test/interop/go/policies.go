// Trust policies (c2sp.org/tlog-policy), by torchwood, which has its own code for all of cosignatures and proof files.

package main

import (
	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// checkCheckpoint verifies the signed checkpoint text by policy, the text of a policy file.
func checkCheckpoint(r request) (answer, error) {
	policy, err := torchwood.ParsePolicy([]byte(r.Policy))
	if err != nil {
		return nil, err
	}
	c, n, err := torchwood.VerifyCheckpoint([]byte(r.Text), policy)
	if err != nil {
		return nil, err
	}
	return answer{"origin": c.Origin, "size": c.N, "root": c.Hash, "signedBy": signedBy(n.Sigs)}, nil
}

// checkProof verifies that the proof file text proves entry, under a checkpoint that satisfies policy.
func checkProof(r request) (answer, error) {
	policy, err := torchwood.ParsePolicy([]byte(r.Policy))
	if err != nil {
		return nil, err
	}
	return nil, torchwood.VerifyProof(policy, tlog.RecordHash(r.Entry), []byte(r.Text))
}
