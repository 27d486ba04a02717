// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
)

func TestDialRefusesWhatIsNoAddress(t *testing.T) {
	for _, addrs := range [][]string{
		nil, {""}, {"localhost"}, {":7600"}, {"localhost:"}, {"localhost:http"}, {"localhost:0"}, {"localhost:70000"},
		{"http://localhost:7600"}, {"127.0.0.1:7600", "127.0.0.1"},
	} {
		_, err := client.Dial(context.Background(), client.Options{Addrs: addrs})
		if api.CodeOf(err) != api.CodeInvalidArgument || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want one line of %s", addrs, err, api.CodeInvalidArgument)
		}
	}
}

func TestDialSaysWhyNoNodeAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // nobody listens there now
	_, err = client.Dial(context.Background(), client.Options{Addrs: []string{addr}})
	if api.CodeOf(err) != api.CodeUnavailable || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v, want %s with the address", err, api.CodeUnavailable)
	}
}
