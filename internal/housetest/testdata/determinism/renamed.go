// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package determinism

import (
	secret "crypto/rand" // want "import of crypto/rand"
	. "time"
)

var key = secret.Text()

var started = Now() // want "time.Now"
