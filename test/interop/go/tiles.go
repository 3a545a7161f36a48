// A running log, read through x/mod's tile reader: it verifies every tile against the tree head.

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// tiles reads a log's tiles over HTTP, at the paths of c2sp.org/tlog-tiles.
type tiles struct{ url string }

func (t tiles) Height() int                     { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var list [][]byte
	for _, tile := range wanted {
		// x/mod writes the height into the path, tlog-tiles does not.
		path, found := strings.CutPrefix(tile.Path(), "tile/8/")
		if !found {
			return nil, fmt.Errorf("tile path %q", tile.Path())
		}
		data, err := get(t.url + "/tile/" + path)
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: got %d bytes, want %d", path, len(data), tile.W*tlog.HashSize)
		}
		list = append(list, data)
	}
	return list, nil
}

func get(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", url, response.Status, data)
	}
	return data, nil
}

// audit reads the log at url under the head (size, root): it proves and checks each of indices, whose entries are
// given in the same order, and that the tree of size first with firstRoot is a prefix when first is not 0.
func audit(r request) (answer, error) {
	if len(r.Indices) != len(r.Entries) {
		return nil, errors.New("want one entry for each index")
	}
	hashes := tlog.TileHashReader(tlog.Tree{N: r.Size, Hash: r.Root}, tiles{strings.TrimSuffix(r.URL, "/")})
	for i, index := range r.Indices {
		list, err := tlog.ProveRecord(r.Size, index, hashes)
		if err != nil {
			return nil, fmt.Errorf("prove %d: %w", index, err)
		}
		if err := tlog.CheckRecord(list, r.Size, r.Root, index, tlog.RecordHash(r.Entries[i])); err != nil {
			return nil, fmt.Errorf("check %d: %w", index, err)
		}
	}
	if r.First == 0 {
		return nil, nil
	}
	list, err := tlog.ProveTree(r.Size, r.First, hashes)
	if err != nil {
		return nil, fmt.Errorf("prove %d in %d: %w", r.First, r.Size, err)
	}
	return nil, tlog.CheckTree(list, r.Size, r.Root, r.First, r.FirstRoot)
}
