// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// replayAll compares the store's answers with those recorded.
func (w *world) replayAll(scripts []script) {
	w.Helper()
	w.inLanes(len(scripts), func(i int) {
		if err := w.replay(scripts[i], fmt.Sprintf("script/%04d/", i)); err != nil {
			w.Errorf("script with seed %d, %v", scripts[i].Seed, err)
		}
	})
}

// replay plays one script. Its error says which step went wrong.
func (w *world) replay(s script, prefix string) error {
	p, err := w.start(prefix, s.Initial)
	if err != nil {
		return err
	}
	for i, st := range s.Steps {
		got, err := p.do(st)
		if err == nil {
			err = p.compare(st, got)
		}
		if err != nil {
			return stepError(i, st, err)
		}
	}
	final, err := p.finish()
	if err != nil {
		return err
	}
	state := p.mirror.last()
	if got, want := showPairs(final), showPairs(p.decodePairs(s.Final, state)); got != want {
		return fmt.Errorf("after the last step: the store holds %s, want %s", got, want)
	}
	return nil
}

func stepError(i int, s step, err error) error {
	return fmt.Errorf("step %d, %s by %d: %w", i, s.Op, s.T, err)
}

// compare compares an answer with the one recorded.
func (p *player) compare(s step, got answer) error {
	if code := codeOf(got.err); code != s.Err {
		return fmt.Errorf("error %v (%d), want %d", got.err, code, s.Err)
	}
	if s.Err != 0 {
		return nil
	}
	want, err := p.recorded(s)
	if err != nil {
		return err
	}
	if got, want := got.String(), want.String(); got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}

// recorded is the answer that the store has to give.
func (p *player) recorded(s step) (answer, error) {
	if s.Op == "range" {
		var pairs [][2]string
		err := json.Unmarshal(s.Out, &pairs)
		return answer{pairs: p.decodePairs(pairs, p.mirror.view(s.T))}, err
	}
	if s.Out == nil {
		return answer{none: s.Op == "get"}, nil
	}
	var a answer
	if err := json.Unmarshal(s.Out, &a.text); err != nil {
		return answer{}, err
	}
	if s.Op == "get" {
		a.text = p.mirror.decode(a.text, p.mirror.view(s.T)[s.K])
	}
	return a, nil
}

func (p *player) decodePairs(pairs [][2]string, state mirrorState) [][2]string {
	decoded := make([][2]string, len(pairs))
	for i, pair := range pairs {
		decoded[i] = [2]string{pair[0], p.mirror.decode(pair[1], state[pair[0]])}
	}
	return decoded
}

func (a answer) String() string {
	switch {
	case a.none:
		return "no value"
	case a.pairs != nil:
		return showPairs(a.pairs)
	}
	return fmt.Sprintf("%q", a.text)
}

func showPairs(pairs [][2]string) string {
	var b strings.Builder
	for _, pair := range pairs {
		fmt.Fprintf(&b, " %s=%s", pair[0], pair[1])
	}
	return "[" + strings.TrimPrefix(b.String(), " ") + "]"
}
