// Treehead-peers makes what the cosigning programs want to find at their start:
//
//	treehead-peers agent SEED-FILE SOCKET   an ssh-agent with the Ed25519 key of a seed of 32 bytes, for litewitness;
//	                                        prints the key's fingerprint, and ends with its standard input
//	treehead-peers locks FILE               an SQLite file with the empty table of checkpoints, for Sunlight
//	treehead-peers mutable PROGRAM ...      becomes the program, which cannot make its files immutable, as Sunlight
//	                                        does when it may, so that nobody can delete them
package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func serveAgent(seedFile, socket string) error {
	seed, err := os.ReadFile(seedFile)
	if err != nil {
		return err
	}
	if len(seed) != ed25519.SeedSize {
		return fmt.Errorf("%s: got %d bytes, want %d", seedFile, len(seed), ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(seed)
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return err
	}
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(keyring, connection)
		}
	}()
	fmt.Println(ssh.FingerprintSHA256(signer.PublicKey()))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func becomeMutable(args []string) error {
	keepMutable()
	return syscall.Exec(args[0], args, os.Environ())
}

// makeLocks makes the file as Sunlight's description of its Checkpoints option says.
func makeLocks(file string) error {
	db, err := sqlite.OpenConn(file, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return err
	}
	table := "CREATE TABLE checkpoints (logID BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT"
	return errors.Join(sqlitex.ExecuteTransient(db, table, nil), db.Close())
}

func main() {
	err := errors.New("usage: treehead-peers agent SEED-FILE SOCKET | locks FILE | mutable PROGRAM ...")
	switch args := os.Args[1:]; {
	case len(args) == 3 && args[0] == "agent":
		err = serveAgent(args[1], args[2])
	case len(args) == 2 && args[0] == "locks":
		err = makeLocks(args[1])
	case len(args) >= 2 && args[0] == "mutable":
		err = becomeMutable(args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
