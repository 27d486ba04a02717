// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestAClusterMovesToAnotherStore backs a cluster up while it is written to, and lets another one go on from there,
// on a store of another kind.
func TestAClusterMovesToAnotherStore(t *testing.T) {
	first, _ := twoNodes(t)
	for i := range 30 {
		first.answers(t, "5", fmt.Sprintf("counter/%d", i), "add", "5")
	}
	first.answers(t, "null", "kv/x", "put", `{"key":"k","value":[1,"<"]}`)
	first.answers(t, "7", "counter/keyed", "add", "7", "--idempotency-key", "once")
	stop, stopped := make(chan struct{}), make(chan int)
	go func() { // a writer of two actors, the second never ahead of the first
		n := 0
		for {
			select {
			case <-stop:
				stopped <- n
				return
			default:
				first.run("actors", "call", "counter/first", "add", "1")
				first.run("actors", "call", "counter/second", "add", "1")
				n++
			}
		}
	}()
	dir := t.TempDir()
	file := filepath.Join(dir, "b.kelpie")
	first.run("store", "backup", file).wants(t, cli.ExitOK, "backup of cluster", "all of one moment")
	close(stop)
	<-stopped
	first.run("store", "backup", file).wants(t, cli.ExitRefused, "exists", "--force")
	first.run("store", "backup", file, "--force").wants(t, cli.ExitOK)
	first.run("store", "check").wants(t, cli.ExitOK, "0 problems")
	if r := first.run("store", "check", "-o", "json"); r.stdout != "[]\n" {
		t.Errorf("%+v", r)
	}
	stats := rows[storeStatsRow](t, first.run("store", "stats", "-o", "json"))
	claims := int64(0)
	for _, s := range stats {
		if s.Kind == "claim" && s.Namespace == "counter" {
			claims = s.Keys
		}
	}
	if claims != 33 {
		t.Errorf("%d claims in %+v", claims, stats)
	}

	target := "pebble:" + filepath.Join(dir, "new")
	offline := terminal{}
	offline.run("store", "restore", file).wants(t, cli.ExitUsage, "--store")
	offline.run("store", "restore", file, "--store", target).wants(t, cli.ExitRefused, "--yes")
	offline.run("store", "restore", filepath.Join(dir, "none"), "--store", target).wants(t, cli.ExitNotFound, "none")
	offline.run("store", "restore", file, "--store", target, "--yes").wants(t, cli.ExitOK, "restored into")
	offline.run("store", "restore", file, "--store", target, "--yes").wants(t, cli.ExitRefused, "not empty", "--force")
	offline.run("store", "restore", file, "--store", target, "--yes", "--force").wants(t, cli.ExitOK)
	offline.run("store", "check", "--store", target).wants(t, cli.ExitOK, "0 problems")
	offline.run("store", "migrate", "--yes").wants(t, cli.ExitUsage, "--store")
	offline.run("store", "migrate", "--store", target).wants(t, cli.ExitRefused, "--yes")
	offline.run("store", "migrate", "--store", target, "--yes").wants(t, cli.ExitOK, "already")

	a := serve(t, "node", "start", "--store", target, "--node-id", "m1", "--listen", "127.0.0.1:0")
	second := terminal{env: map[string]string{"KELPIE_ADDR": a.address}}
	if got := rows[api.NodeRow](t, second.run("node", "ls", "-o", "json")); len(got) != 1 || got[0].Node != "m1" {
		t.Errorf("the membership was restored: %+v", got)
	}
	for i := range 30 {
		second.answers(t, "6", fmt.Sprintf("counter/%d", i), "add", "1")
	}
	second.answers(t, `[1,"<"]`, "kv/x", "get", `"k"`)
	second.answers(t, "7", "counter/keyed", "add", "7", "--idempotency-key", "once") // repeated, not run again
	second.answers(t, "7", "counter/keyed", "get")
	for _, row := range rows[api.ActorRow](t, second.run("actors", "ls", "-o", "json")) {
		if row.Token <= 1<<32 {
			t.Errorf("the token of %s is %d", row.Actor, row.Token)
		}
	}
	one, err1 := strconv.Atoi(strings.TrimSpace(second.run("actors", "call", "counter/first", "get").stdout))
	two, err2 := strconv.Atoi(strings.TrimSpace(second.run("actors", "call", "counter/second", "get").stdout))
	if err1 != nil || err2 != nil || one < two || one > two+1 {
		t.Errorf("not of one moment: %d, %d, %v, %v", one, two, err1, err2)
	}
	offline.run("store", "restore", file, "--store", "kelpie://"+a.address, "--yes", "--force").wants(
		t, cli.ExitRefused, "m1 is alive")
}

func TestADamagedBackupIsRefused(t *testing.T) {
	first, _ := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	dir := t.TempDir()
	file, target := filepath.Join(dir, "b"), "pebble:"+filepath.Join(dir, "new")
	first.run("store", "backup", file).wants(t, cli.ExitOK)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	terminal{stdin: string(b[:len(b)-10])}.run("store", "restore", "-", "--store", target, "--yes").wants(
		t, cli.ExitCorrupt, "truncated", "again with --force")
	// What was begun is not taken for a cluster.
	terminal{}.run("node", "start", "--store", target, "--node-id", "m1", "--listen", "127.0.0.1:0").wants(
		t, cli.ExitRefused, "unfinished restore")
	r := terminal{}.run("store", "check", "--store", target)
	if r.code != cli.ExitCorrupt || !strings.Contains(r.stdout, "unfinished restore") {
		t.Errorf("half a restore is checked: %+v", r)
	}
	terminal{}.run("store", "restore", file, "--store", target, "--yes", "--force").wants(t, cli.ExitOK)
	terminal{}.run("store", "check", "--store", target).wants(t, cli.ExitOK, "0 problems")
	terminal{}.run("store", "clear", "meta", "--store", target, "--yes", "--force").wants(t, cli.ExitOK)
	if r := (terminal{}.run("store", "check", "--store", target)); r.code != cli.ExitCorrupt ||
		!strings.Contains(r.stdout, "is missing") {
		t.Errorf("a store without its meta is checked: %+v", r)
	}
	stdin := terminal{stdin: string(b)}
	stdin.run("store", "restore", "-", "--store", target, "--yes", "--force").wants(t, cli.ExitOK)
	stdin.run("store", "restore", "-", "--store", target).wants(t, cli.ExitUsage, "--yes")
	if r := first.run("store", "backup", "-"); r.code != cli.ExitOK ||
		!strings.HasPrefix(r.stdout, "KELPIE BACKUP 1\n") || !strings.Contains(r.stderr, "backup of cluster") {
		t.Errorf("to stdout: %d %s", r.code, r.stderr)
	}
}

func TestStoreWrites(t *testing.T) {
	first, _ := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	first.run("store", "set", "0x01", "hello", "--yes").wants(t, cli.ExitOK, "5 bytes")
	first.run("store", "set", "0x0102", "0xff00", "--yes").wants(t, cli.ExitOK, "2 bytes")
	first.run("store", "get", "0x01", "-o", "json").wants(t, cli.ExitOK, "0x68656c6c6f")
	first.run("store", "set", "0x01", "hello").wants(t, cli.ExitRefused, "--yes")
	first.run("store", "set", "0x01", "0xf", "--yes").wants(t, cli.ExitUsage, "0xf")
	first.run("store", "clear", "0x01", "--below", "--yes").wants(t, cli.ExitOK, "deleted")
	first.run("store", "get", "0x0102").wants(t, cli.ExitNotFound)
	first.run("store", "set", "claim/counter/a", "x", "--yes").wants(t, cli.ExitRefused, "Kelpie's own", "--force")
	first.run("store", "clear", "claim/counter/a", "--yes").wants(t, cli.ExitRefused, "Kelpie's own")
	// All of Kelpie's keys are below the first bytes of theirs, and one need not be a tuple.
	for _, above := range []string{"0x02", "0x026b656c", "0x026b656c70696500", "0x026b656c70696500fe"} {
		first.run("store", "clear", above, "--below", "--yes").wants(t, cli.ExitRefused, "Kelpie's own", "--force")
	}
	first.run("store", "set", "0x026b656c70696500fe", "x", "--yes").wants(t, cli.ExitRefused, "Kelpie's own")
	first.run("store", "clear", "0x", "--below", "--yes", "--force").wants(t, cli.ExitUsage, "empty")
	first.run("store", "set", "0xff01", "x", "--yes").wants(t, cli.ExitUsage, "outside")
	first.run("store", "clear", "0x026b", "--yes").wants(t, cli.ExitOK)
	first.answers(t, "5", "counter/a", "get")
	// What such a write breaks is found.
	first.run("store", "clear", "claim/counter/a", "--yes", "--force").wants(t, cli.ExitOK)
	first.run("store", "set", "dead/counter/a/#7", "x", "--yes", "--force").wants(t, cli.ExitOK)
	r := first.run("store", "check", "-o", "json")
	if r.code != cli.ExitCorrupt || !strings.Contains(r.stdout, "never claimed") ||
		!strings.Contains(r.stdout, "half a dead letter") || !strings.Contains(r.stderr, "problems") {
		t.Errorf("%+v", r)
	}
}

// TestADamagedBackupDeletesNothing restores by force what is no backup any more, or in place of what must not be
// replaced.
func TestADamagedBackupDeletesNothing(t *testing.T) {
	first, _ := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	dir := t.TempDir()
	file, damaged, target := filepath.Join(dir, "b"), filepath.Join(dir, "damaged"), "pebble:"+filepath.Join(dir, "new")
	first.run("store", "backup", file).wants(t, cli.ExitOK)
	offline := terminal{}
	offline.run("store", "restore", file, "--store", target, "--yes").wants(t, cli.ExitOK)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), b...)
	flipped[len(b)/2] ^= 1
	for says, content := range map[string][]byte{"truncated": b[:len(b)-10], "checksum": flipped, "not a backup": nil} {
		if err := os.WriteFile(damaged, content, 0o600); err != nil {
			t.Fatal(err)
		}
		offline.run("store", "restore", damaged, "--store", target, "--yes", "--force").wants(t, cli.ExitCorrupt,
			"error: "+damaged, says, "another backup")
	}
	offline.run("store", "restore", dir, "--store", target, "--yes", "--force").wants(t, cli.ExitRefused,
		"a directory")
	stopped := terminal{signals: make(chan os.Signal, 1)}
	stopped.signals <- os.Interrupt
	stopped.run("store", "restore", file, "--store", "pebble:"+filepath.Join(dir, "other"), "--yes").wants(
		t, cli.ExitInterrupted, "interrupted before")
	// after all that, it is all there
	offline.run("store", "get", "claim/counter/a", "--store", target).wants(t, cli.ExitOK)

	first.run("store", "backup", dir, "--force").wants(t, cli.ExitRefused, "not a file")
	first.run("store", "backup", os.DevNull, "--force").wants(t, cli.ExitRefused, "not a file")
	first.run("store", "backup", filepath.Join(dir, "none", "b")).wants(t, cli.ExitRefused, "can't write "+
		filepath.Join(dir, "none", "b")+": ", "a place")
	first.run("store", "backup", "").wants(t, cli.ExitUsage, "FILE")
	left, err := filepath.Glob(filepath.Join(dir, "*.tmp-*"))
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

// TestBackupsOfManyKinds makes backups that are encrypted, in files, pipes and an object store, verifies them, and
// restores from them.
func TestBackupsOfManyKinds(t *testing.T) {
	objects := httptest.NewServer(unchunked(gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true)).Server()))
	t.Cleanup(objects.Close)
	t.Setenv("AWS_ENDPOINT_URL", objects.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "me")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "eu-1")
	dir := t.TempDir()
	mine, yours := newIdentity(t, filepath.Join(dir, "mine")), newIdentity(t, filepath.Join(dir, "yours"))
	first, _ := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	for i, place := range []string{filepath.Join(dir, "b.kelpie"), "s3://backups/deep/b.kelpie"} {
		row := one[backupRow](t, first.run("store", "backup", place, "-o", "json", "--recipient", mine.public))
		if row.Backup != place || !row.Encrypted || row.Keys == 0 || row.Made == "" || row.ClusterID == "" {
			t.Errorf("%+v", row)
		}
		first.run("store", "backup", place).wants(t, cli.ExitRefused, "exists", "--force")
		first.run("store", "backup", place, "--force", "--recipients-file", mine.publicFile).wants(
			t, cli.ExitOK, "backup of cluster")
		offline := terminal{}
		offline.run("store", "verify", place).wants(t, cli.ExitRefused, "is encrypted", "--identity")
		offline.run("store", "verify", place, "--identity", yours.file).wants(t, cli.ExitRefused, "for others")
		offline.run("store", "verify", place, "--identity", yours.file, "--identity", mine.file).wants(
			t, cli.ExitOK, "it is whole")
		if again := one[backupRow](t, offline.run("store", "verify", place, "--identity", mine.file, "-o",
			"json")); again.Keys != row.Keys || again.ClusterID != row.ClusterID || !again.Encrypted {
			t.Errorf("%+v after %+v", again, row)
		}
		target := "pebble:" + filepath.Join(dir, fmt.Sprint("store", i))
		offline.run("store", "restore", place, "--store", target, "--yes").wants(t, cli.ExitRefused, "is encrypted")
		offline.run("store", "restore", place, "--store", target, "--yes", "--identity", mine.file).wants(
			t, cli.ExitOK, "restored into")
		offline.run("store", "check", "--store", target).wants(t, cli.ExitOK, "0 problems")
	}

	piped := first.run("store", "backup", "-", "--recipient", mine.public, "-o", "json")
	if row := one[backupRow](t, result{stdout: piped.stderr}); row.Backup != "-" {
		t.Errorf("%+v", row)
	}
	terminal{stdin: piped.stdout}.run("store", "verify", "-", "--identity", mine.file).wants(
		t, cli.ExitOK, "it is whole")
	for at := 300; at < len(piped.stdout); at += len(piped.stdout) / 9 {
		changed := []byte(piped.stdout)
		changed[at] ^= 1
		terminal{stdin: string(changed)}.run("store", "verify", "-", "--identity", mine.file).wants(
			t, cli.ExitCorrupt, "stdin", "damaged")
		terminal{stdin: piped.stdout[:at]}.run("store", "verify", "-", "--identity", mine.file).wants(
			t, cli.ExitCorrupt, "stdin")
	}

	// A backup that is not encrypted does not take the place of one that is.
	plain := filepath.Join(dir, "plain")
	first.run("store", "backup", plain).wants(t, cli.ExitOK)
	terminal{}.run("store", "verify", plain, "--identity", mine.file).wants(t, cli.ExitRefused, "not encrypted")

	first.run("store", "backup", plain, "--force", "--recipient", "age1x").wants(t, cli.ExitUsage, "--recipient",
		"age1x")
	first.run("store", "backup", plain, "--force", "--recipients-file", plain).wants(t, cli.ExitUsage, plain)
	terminal{}.run("store", "verify", plain, "--identity", filepath.Join(dir, "none")).wants(
		t, cli.ExitNotFound, "none")
	first.run("store", "backup", "s3://backups").wants(t, cli.ExitUsage, "s3://BUCKET/KEY")
	terminal{}.run("store", "verify", "s3://backups/none").wants(t, cli.ExitNotFound, "s3://backups/none")
	objects.Close()
	first.run("store", "backup", "s3://backups/late").wants(t, cli.ExitUnavailable, "s3://backups/late",
		"does not answer")
	t.Setenv("AWS_ENDPOINT_URL", objects.URL+"/prefix") // which would be ignored
	first.run("store", "backup", "s3://backups/late").wants(t, cli.ExitUsage, "without a path")
	t.Setenv("AWS_ENDPOINT_URL", "nowhere")
	first.run("store", "backup", "s3://backups/late").wants(t, cli.ExitUsage, "AWS_ENDPOINT_URL")
}

// unchunked decodes the parts that clients send in chunks, each with a signature: the store of the tests does not.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html has the format.
func unchunked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Encoding") != "aws-chunked" || !r.URL.Query().Has("partNumber") {
			next.ServeHTTP(w, r)
			return
		}
		var whole bytes.Buffer
		for body := bufio.NewReader(r.Body); ; {
			line, err := body.ReadString('\n')
			size, _, _ := strings.Cut(line, ";")
			n, bad := strconv.ParseInt(size, 16, 64)
			if err := errors.Join(err, bad); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			if n == 0 {
				break
			}
			_, err = io.CopyN(&whole, body, n)
			_, end := body.Discard(len("\r\n"))
			if err := errors.Join(err, end); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		r.Header.Del("Content-Encoding")
		r.Header.Del("X-Amz-Content-Sha256")
		r.ContentLength = int64(whole.Len())
		r.Header.Set("Content-Length", strconv.Itoa(whole.Len()))
		r.Body = io.NopCloser(&whole)
		next.ServeHTTP(w, r)
	})
}

// keys is a pair of keys, and their files.
type keys struct{ public, publicFile, file string }

func newIdentity(t *testing.T, file string) keys {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	k := keys{id.Recipient().String(), file + ".pub", file}
	if err := errors.Join(os.WriteFile(k.file, []byte("# mine\n"+id.String()+"\n"), 0o600),
		os.WriteFile(k.publicFile, []byte(k.public+"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return k
}
