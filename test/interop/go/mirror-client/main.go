// Treehead-mirror-client brings a mirror up to a log, as Let's Encrypt's publisher does it.
//
//	treehead-mirror-client LOG-URL LOG-VKEY SUBMISSION-PREFIX MONITORING-PREFIX MIRROR-VKEY
//
// It reads one JSON request per line from standard input and writes one JSON answer per line to standard output:
//
//	{"op": "push"}     fetches the log's checkpoint and entries and makes the mirror cosign; answers size and cosignature
//	{"op": "latest"}   fetches the mirror's checkpoint; answers size and root
//	{"op": "subtree", "start": 0, "end": 8, "hash": "..."}   has the mirror sign a subtree of its checkpoint
//
// The mirror's key is of ML-DSA-44, its name begins with "oid/1.3.6.1.4.1.". One process keeps what the mirror told it.
package main

import (
	"bufio"
	"context"
	"crypto/mldsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/letsencrypt/boulder/mtpublisher"
	"github.com/letsencrypt/boulder/trees/checkpoint"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A tileStore is what the publisher takes for its bucket: the log's own tile paths.
type tileStore struct{ url string }

func (t tileStore) Bucket() string { return "log" }

func (t tileStore) GetObject(
	ctx context.Context, input *s3.GetObjectInput, _ ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"/"+*input.Key, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	return &s3.GetObjectOutput{Body: response.Body}, nil
}

func newClient(tiles tileStore, submission, monitoring, vkey string) (*mtpublisher.MirrorClient, error) {
	const algorithm = "\x06"
	name, rest, _ := strings.Cut(vkey, "+")
	_, encoded, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	id, isOID := strings.CutPrefix(name, "oid/1.3.6.1.4.1.")
	raw, isMLDSA := strings.CutPrefix(string(key), algorithm)
	if !isOID || !isMLDSA {
		return nil, fmt.Errorf("vkey of the mirror: want ML-DSA-44 and a name of oid/1.3.6.1.4.1., got %.40s", vkey)
	}
	public, err := mldsa.NewPublicKey(mldsa.MLDSA44(), []byte(raw))
	if err != nil {
		return nil, err
	}
	source := mtpublisher.NewSource(tiles, "")
	return mtpublisher.NewMirrorClient(submission, monitoring, source, id, public, 30*time.Second)
}

type program struct {
	log    tileStore
	key    note.Verifier
	mirror *mtpublisher.MirrorClient
	origin string
}

type request struct {
	Op    string
	Start int64
	End   int64
	Hash  tlog.Hash
}

type answer map[string]any

func (p *program) push(ctx context.Context) (answer, error) {
	key := "checkpoint"
	object, err := p.log.GetObject(ctx, &s3.GetObjectInput{Key: &key})
	if err != nil {
		return nil, err
	}
	defer object.Body.Close()
	var signed strings.Builder
	if _, err := bufio.NewReader(object.Body).WriteTo(&signed); err != nil {
		return nil, err
	}
	c, _, err := checkpoint.Open([]byte(signed.String()), p.key)
	if err != nil {
		return nil, fmt.Errorf("the log's checkpoint: %w", err)
	}
	line, err := p.mirror.SubmitCheckpoint(ctx, c, []byte(signed.String()))
	return answer{"size": c.Tree.N, "root": c.Tree.Hash, "cosignature": string(line)}, err
}

func (p *program) latest(ctx context.Context) (answer, error) {
	c, line, err := p.mirror.LatestCheckpoint(ctx, p.origin)
	if err != nil {
		return nil, err
	}
	return answer{"size": c.Tree.N, "root": c.Tree.Hash, "cosignature": string(line)}, nil
}

func (p *program) subtree(ctx context.Context, r request) (answer, error) {
	c, line, err := p.mirror.LatestCheckpoint(ctx, p.origin)
	if err != nil {
		return nil, err
	}
	signature, err := p.mirror.CosignSubtree(ctx, c, line, r.Start, r.End, r.Hash)
	return answer{"size": c.Tree.N, "signature": signature}, err
}

func (p *program) run(line []byte) answer {
	var r request
	var result answer
	err := json.Unmarshal(line, &r)
	if err == nil {
		switch r.Op {
		case "push":
			result, err = p.push(context.Background())
		case "latest":
			result, err = p.latest(context.Background())
		case "subtree":
			result, err = p.subtree(context.Background(), r)
		default:
			err = fmt.Errorf("unknown operation %q", r.Op)
		}
	}
	if err != nil {
		return answer{"ok": false, "error": err.Error()}
	}
	result["ok"] = true
	return result
}

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	if len(args) != 5 {
		return errors.New("usage: treehead-mirror-client LOG-URL LOG-VKEY SUBMISSION-PREFIX MONITORING-PREFIX MIRROR-VKEY")
	}
	key, err := note.NewVerifier(args[1])
	if err != nil {
		return err
	}
	tiles := tileStore{args[0]}
	client, err := newClient(tiles, args[2], args[3], args[4])
	if err != nil {
		return err
	}
	p := &program{log: tiles, key: key, mirror: client, origin: key.Name()}
	encoder := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := encoder.Encode(p.run(lines.Bytes())); err != nil {
			return err
		}
	}
	return lines.Err()
}
