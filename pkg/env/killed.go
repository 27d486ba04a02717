// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import "fmt"

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

// Caught, deferred, makes a panic the function's error: for code that is not the program's own, or that bytes from
// outside may lead astray. The panic of a task that is being killed goes on.
func Caught(err *error) {
	r := recover()
	switch {
	case r == nil:
	case Killed(r):
		panic(r)
	default:
		*err = fmt.Errorf("panic: %v", r)
	}
}
