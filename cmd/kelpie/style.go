// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

// style colours text for a terminal, or leaves it as it is.
type style struct{ colour bool }

const (
	sgrReset  = "\x1b[0m"
	sgrBold   = "\x1b[1m"
	sgrDim    = "\x1b[2m"
	sgrRed    = "\x1b[31m"
	sgrGreen  = "\x1b[32m"
	sgrYellow = "\x1b[33m"
)

// stateColours are those of the states of nodes, leases and actors.
var stateColours = map[string]string{
	"active": sgrGreen, "owned": sgrGreen,
	"suspect": sgrYellow, "draining": sgrYellow, "orphaned": sgrYellow,
	"failed": sgrRed,
	stateOK:  sgrGreen, stateWarning: sgrYellow, stateProblem: sgrRed,
	"left": sgrDim, "released": sgrDim, "unknown": sgrDim,
}

func (s style) header(text string) string { return s.in(sgrBold, text) }

// cell styles the cell of a field.
func (s style) cell(key, text string) string {
	if key != "state" {
		return text
	}
	return s.in(stateColours[text], text)
}

func (s style) in(code, text string) string {
	if !s.colour || code == "" || text == "" {
		return text
	}
	return code + text + sgrReset
}
