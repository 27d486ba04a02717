// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/archive"
	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/backup"
)

// places is what the help of commands says of FILE.
const places = `FILE may also be s3://BUCKET/KEY, an object of an S3-compatible store. The
command reads the variables that the AWS tools read: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT_URL for a store other than
Amazon's.`

// backupRow is a backup, as a program that monitors backups reads it.
type backupRow struct {
	Backup      string             `json:"backup"`
	ClusterID   string             `json:"cluster_id"`
	Made        string             `json:"made"`
	Version     string             `json:"version"`
	Consistency backup.Consistency `json:"consistency"`
	Encrypted   bool               `json:"encrypted"`
	Keys        int64              `json:"keys"`
	Bytes       int64              `json:"bytes"`
	TookMillis  int64              `json:"took_ms"`
}

var backupListing = listing[backupRow]{
	name: func(r *backupRow) string { return r.Backup },
	tall: true,
	fields: []field[backupRow]{
		{key: "backup", meaning: "FILE"},
		{key: "cluster_id", meaning: "the cluster it is of"},
		{key: "made", meaning: "when it was begun, by the clock of the machine that made it"},
		{key: "version", meaning: "version of the program that made it"},
		{key: "consistency", meaning: "snapshot, or per_actor if different actors are of different moments"},
		{key: "encrypted", meaning: "whether it is encrypted"},
		{key: "keys", meaning: "number of keys in it"},
		{key: "bytes", meaning: "size of its keys and values"},
		{key: "took_ms", meaning: "how long making it, or verifying it, took"},
	},
}

// printBackup prints a sentence, or a row in the formats for programs.
func (o *output) printBackup(k *kelpie, w io.Writer, row backupRow, sentence string) error {
	if o.format == formatTable || o.format == formatWide {
		_, err := io.WriteString(w, sentence+"\n")
		return err
	}
	p := newPrinter(w, o.format, k.style(o), backupListing, true)
	if err := p.rows([]backupRow{row}); err != nil {
		return err
	}
	return p.end()
}

func rowOf(place string, h backup.Header, t backup.Trailer, encrypted bool, took time.Duration) backupRow {
	return backupRow{place, h.ClusterID, h.Made, h.Version, h.Consistency, encrypted, t.Keys, t.Bytes,
		took.Milliseconds()}
}

// identityFlag is that of commands that read a backup.
type identityFlag struct{ files []string }

func (f *identityFlag) register(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.files, "identity", nil, "files with private keys of age; the backup must be "+
		"encrypted for one of them")
}

// source returns the backup that FILE names.
func (f *identityFlag) source(k *kelpie, text string) (*archive.Source, error) {
	place, err := archive.ParsePlace(text)
	if err != nil {
		return nil, err
	}
	identities, err := archive.ReadIdentities(f.files)
	if err != nil {
		return nil, err
	}
	return archive.NewSource(place, k.Stdin, identities), nil
}

// verify reads a backup through, and shows how far it has come.
func (k *kelpie) verify(ctx context.Context, from *archive.Source) (h backup.Header, t backup.Trailer, err error) {
	r, err := from.Open(ctx)
	if err != nil {
		return h, t, backupError(from, err)
	}
	p := k.newProgress(0)
	h, t, err = backup.Verify(ctx, r, backup.Options{Progress: func(t backup.Trailer) {
		// A line of progress that can't be written costs nothing.
		_ = p.say(progressOf(from, t) + "verified " + copied(t))
	}})
	p.clear()
	return h, t, errors.Join(backupError(from, err), r.Close())
}

// progressOf draws how much of a backup has been read, if its size is known, and a space.
func progressOf(from *archive.Source, t backup.Trailer) string {
	if from.Size() == 0 {
		return ""
	}
	return progressBar(float64(t.Bytes)/float64(from.Size())) + " "
}

// backupError names the backup in an error of reading it.
func backupError(from *archive.Source, err error) error {
	if api.CodeOf(err) == api.CodeCorruptState {
		return cli.Advise(api.Errorf(api.CodeCorruptState, "%s: %s", from, cli.Message(err)),
			"use another copy, or another backup")
	}
	return err
}
