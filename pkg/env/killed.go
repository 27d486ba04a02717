// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

// Killed reports whether a recovered value is the panic by which a simulated
// Env unwinds the tasks of a machine that was killed. Code that recovers from
// panics must panic again with such a value and do nothing else: its machine
// is gone.
//
//	defer func() {
//		r := recover()
//		if env.Killed(r) {
//			panic(r)
//		}
//		...
//	}()
func Killed(recovered any) bool {
	_, ok := recovered.(interface{ EnvKilled() })
	return ok
}
