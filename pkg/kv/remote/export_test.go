// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

// What tests of the bounds need to see, and to be near.

const (
	RequestBytesShare = requestBytesShare
	AnswerBytesShare  = answerBytesShare
	CommitBytesMax    = commitBytesMax
	KeysMax           = keysMax
	PartsMax          = partsMax
	PinsShare         = pinsShare
	PagePairsMax      = pagePairsMax
)

// Held is what a Service holds for its clients.
type Held struct {
	Requests, Answers, Watches int64 // bytes
	Pins                       int
	// Accounts are those who hold something or wait, in all quotas.
	Accounts int
}

// Held returns what is held now.
func (s *Service) Held() Held {
	var h Held
	for q, n := range map[*quota]*int64{s.requests: &h.Requests, s.answers: &h.Answers, s.watches: &h.Watches} {
		q.mu.Lock()
		for _, a := range q.accounts {
			*n += a.held
		}
		h.Accounts += len(q.accounts)
		q.mu.Unlock()
	}
	s.pins.mu.Lock()
	h.Pins = len(s.pins.held)
	s.pins.mu.Unlock()
	s.pins.quota.mu.Lock()
	h.Accounts += len(s.pins.quota.accounts)
	s.pins.quota.mu.Unlock()
	return h
}
