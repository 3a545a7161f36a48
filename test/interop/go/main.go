// Treehead-interop lets the tests ask other people's Go code what it thinks of our bytes, and for bytes of its own.
//
// It reads one JSON request per line from standard input and writes one JSON answer per line to standard output, in
// the same order. Bytes and hashes are standard base64. An answer is {"ok": true, ...} or {"ok": false, "error": "..."}.
//
// The judges are golang.org/x/mod/sumdb (note, tlog), github.com/transparency-dev/formats and .../merkle, and
// filippo.io/torchwood.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// A request names an operation; each operation reads the fields that its comment names.
type request struct {
	Op        string      `json:"op"`
	Text      string      `json:"text"`
	Name      string      `json:"name"`
	Algorithm string      `json:"algorithm"`
	Origin    string      `json:"origin"`
	Key       string      `json:"key"`
	Keys      []string    `json:"keys"`
	Policy    string      `json:"policy"`
	Index     int64       `json:"index"`
	Size      int64       `json:"size"`
	First     int64       `json:"first"`
	Level     int         `json:"level"`
	Root      tlog.Hash   `json:"root"`
	FirstRoot tlog.Hash   `json:"firstRoot"`
	LeafHash  tlog.Hash   `json:"leafHash"`
	Proof     []tlog.Hash `json:"proof"`
	Extra     []byte      `json:"extra"`
	Signature []byte      `json:"signature"`
	Entry     []byte      `json:"entry"`
	Entries   [][]byte    `json:"entries"`
	Indices   []int64     `json:"indices"`
	URL       string      `json:"url"`
	Time      uint64      `json:"time"`
}

// An answer holds the operation's results by name.
type answer map[string]any

var operations = map[string]func(request) (answer, error){
	"generate-key":       generateKey,
	"sign-note":          signNote,
	"verify-note":        verifyNote,
	"verify-checkpoint":  verifyCheckpoint,
	"sign-subtree":       signSubtree,
	"verify-subtree":     verifySubtree,
	"format-tree":        formatTree,
	"parse-tree":         parseTree,
	"grow":               grow,
	"root":               root,
	"tile":               tile,
	"prove-inclusion":    proveInclusion,
	"prove-consistency":  proveConsistency,
	"verify-inclusion":   verifyInclusion,
	"verify-consistency": verifyConsistency,
	"format-proof":       formatProof,
	"verify-proof":       verifyProof,
	"check-checkpoint":   checkCheckpoint,
	"check-proof":        checkProof,
	"audit":              audit,
}

func run(line []byte) (result answer) {
	defer func() {
		// The x/mod functions panic on arguments that no proof could have; for the tests that is one more refusal.
		if trouble := recover(); trouble != nil {
			result = answer{"ok": false, "error": fmt.Sprintf("panic: %v", trouble)}
		}
	}()
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return answer{"ok": false, "error": err.Error()}
	}
	operation, known := operations[r.Op]
	if !known {
		return answer{"ok": false, "error": fmt.Sprintf("unknown operation %q", r.Op)}
	}
	result, err := operation(r)
	if result == nil {
		result = answer{}
	}
	result["ok"] = err == nil
	if err != nil {
		result["error"] = err.Error()
	}
	return result
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := encoder.Encode(run(line)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
