// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Fields that a later version has added are passed over, and those that an earlier one did not have are zero.
func TestRecordsOfOtherVersionsAreRead(t *testing.T) {
	later, err := msgpack.Marshal(
		map[string]any{"node": "n1", "token": 7, "since": time.Unix(1, 0), "later": map[string]any{"a": []int{1}}})
	if err != nil {
		t.Fatal(err)
	}
	var c claimRecord
	if err := decodeRecord([]byte("key"), append([]byte{recordVersion}, later...), &c); err != nil {
		t.Fatal(err)
	}
	if c.Node != "n1" || c.Token != 7 || c.Move != nil {
		t.Fatalf("read %+v", c)
	}
}
