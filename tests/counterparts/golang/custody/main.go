// Checks the custody files of an opened package with Go's own checksum-database libraries, by the words of
// docs/evidence-format.md alone: custody FOLDER, where FOLDER holds device.pub, custody.checkpoint and custody.jsonl.
// Prints how many lines hold, or why not and ends with 1.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type row struct {
	Index int64       `json:"index"`
	Line  string      `json:"line"`
	Proof []tlog.Hash `json:"proof"`
}

func main() {
	lines, size, err := check(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%d lines hold in a log of %d\n", lines, size)
}

func check(folder string) (int, int64, error) {
	origin, verifier, err := deviceVerifier(filepath.Join(folder, "device.pub"))
	if err != nil {
		return 0, 0, err
	}
	checkpoint, err := os.ReadFile(filepath.Join(folder, "custody.checkpoint"))
	if err != nil {
		return 0, 0, err
	}
	opened, err := note.Open(checkpoint, note.VerifierList(verifier))
	if err != nil {
		return 0, 0, fmt.Errorf("checkpoint: %w", err)
	}
	text := strings.Split(opened.Text, "\n")
	if len(text) < 4 || text[0] != origin {
		return 0, 0, fmt.Errorf("checkpoint: its text names %q, not %q", text[0], origin)
	}
	size, err := strconv.ParseInt(text[1], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("checkpoint: %w", err)
	}
	root, err := tlog.ParseHash(text[2])
	if err != nil {
		return 0, 0, fmt.Errorf("checkpoint: %w", err)
	}
	content, err := os.ReadFile(filepath.Join(folder, "custody.jsonl"))
	if err != nil {
		return 0, 0, err
	}
	rows := bytes.SplitAfter(content, []byte("\n"))
	for number, data := range rows[:len(rows)-1] {
		var one row
		if err := json.Unmarshal(data, &one); err != nil {
			return 0, 0, fmt.Errorf("row %d: %w", number, err)
		}
		leaf := tlog.RecordHash([]byte(one.Line))
		if err := tlog.CheckRecord(one.Proof, size, root, one.Index, leaf); err != nil {
			return 0, 0, fmt.Errorf("row %d: %w", number, err)
		}
	}
	return len(rows) - 1, size, nil
}

// deviceVerifier makes of an OpenSSH public key the log's origin and Go's verifier for it.
func deviceVerifier(path string) (string, note.Verifier, error) {
	line, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	blob, err := base64.StdEncoding.DecodeString(strings.Fields(string(line))[1])
	if err != nil || len(blob) != 51 {
		return "", nil, fmt.Errorf("device.pub is no Ed25519 key")
	}
	digest := sha256.Sum256(blob)
	origin := "handover/" + base64.RawURLEncoding.EncodeToString(digest[:])
	key, err := note.NewEd25519VerifierKey(origin, ed25519.PublicKey(blob[19:]))
	if err != nil {
		return "", nil, err
	}
	verifier, err := note.NewVerifier(key)
	return origin, verifier, err
}
