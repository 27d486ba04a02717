// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// recordAll makes up a script for every seed and records what the store answers.
func (w *world) recordAll(seeds []int) []script {
	w.Helper()
	scripts := make([]script, len(seeds))
	w.inLanes(len(seeds), func(i int) {
		s, err := w.record(seeds[i], fmt.Sprintf("record/%04d/", i))
		if err != nil {
			w.Errorf("script with seed %d, %v", seeds[i], err)
		}
		scripts[i] = s
	})
	if w.Failed() {
		w.Fatalf("the store's answers can't be recorded")
	}
	return scripts
}

func (w *world) record(seed int, prefix string) (script, error) {
	g := newGenerator(seed)
	s := script{Seed: seed, Initial: g.initial()}
	p, err := w.start(prefix, s.Initial)
	if err != nil {
		return s, err
	}
	for i := range g.count() {
		st := g.next(len(p.versions))
		if err := p.answer(&st); err != nil {
			return s, stepError(i, st, err)
		}
		s.Steps = append(s.Steps, st)
	}
	final, err := p.finish()
	s.Final = p.encodePairs(final, p.mirror.last())
	return s, err
}

// answer does a step and notes what the store says to it.
func (p *player) answer(s *step) error {
	a, err := p.do(*s)
	if err != nil {
		return err
	}
	if s.Err = codeOf(a.err); s.Err != 0 {
		return nil
	}
	var out any
	switch s.Op {
	case "get":
		if a.none {
			return nil
		}
		out = p.mirror.encode(a.text, p.mirror.view(s.T)[s.K])
	case "range":
		out = p.encodePairs(a.pairs, p.mirror.view(s.T))
	case "get_key", "commit":
		out = a.text
	default:
		return nil
	}
	s.Out, err = encodeOut(out)
	return err
}

func (p *player) encodePairs(pairs [][2]string, state mirrorState) [][2]string {
	encoded := make([][2]string, len(pairs))
	for i, pair := range pairs {
		encoded[i] = [2]string{pair[0], p.mirror.encode(pair[1], state[pair[0]])}
	}
	return encoded
}

// encodeOut encodes an answer as json.Marshal does, but for the angle brackets of stamps.
func encodeOut(out any) (json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(out)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// compareScripts returns the first difference between two recordings of a script, nil if there is none. What was
// computed from the bytes of stamps is not compared.
func compareScripts(a, b script) error {
	if showPairs(a.Initial) != showPairs(b.Initial) {
		return fmt.Errorf("before the first step: %s and %s", showPairs(a.Initial), showPairs(b.Initial))
	}
	m := newMirror(a.Initial)
	for i, s := range a.Steps {
		if i == len(b.Steps) {
			return stepError(i, s, errors.New("the second recording ends before it"))
		}
		m.follow(s, string(s.Out) == `"`+committed+`"`, nil)
		first, second, err := m.comparable(s, b.Steps[i])
		if err == nil && first != second {
			err = fmt.Errorf("%s and %s", first, second)
		}
		if err != nil {
			return stepError(i, s, err)
		}
	}
	if len(b.Steps) > len(a.Steps) {
		return fmt.Errorf("after step %d: the first recording ends before the second", len(a.Steps)-1)
	}
	if first, second := showPairs(mask(a.Final, m.last())), showPairs(mask(b.Final, m.last())); first != second {
		return fmt.Errorf("after the last step: %s and %s", first, second)
	}
	return nil
}

// comparable is two steps as text, without what is not to be compared.
func (m *mirror) comparable(a, b step) (first, second string, err error) {
	state := m.view(a.T)
	texts := [2]string{}
	for i, s := range [2]step{a, b} {
		switch {
		case s.Op == "get" && s.Out != nil && state[s.K].mixed:
			s.Out = json.RawMessage(`"*"`)
		case s.Op == "range" && s.Out != nil:
			var pairs [][2]string
			if err := json.Unmarshal(s.Out, &pairs); err != nil {
				return "", "", err
			}
			if s.Out, err = encodeOut(mask(pairs, state)); err != nil {
				return "", "", err
			}
		}
		text, err := encodeOut(s)
		if err != nil {
			return "", "", err
		}
		texts[i] = string(text)
	}
	return texts[0], texts[1], nil
}

func mask(pairs [][2]string, state mirrorState) [][2]string {
	masked := make([][2]string, len(pairs))
	for i, pair := range pairs {
		masked[i] = pair
		if state[pair[0]].mixed {
			masked[i][1] = "*"
		}
	}
	return masked
}
