#!/bin/sh
# Copyright 2026 The Kelpie Authors
# SPDX-License-Identifier: Apache-2.0

# Succeeds if a build with the tag fdb can: there is a C compiler, and with it the header and library of FoundationDB's client, of
# API version 730 at least. Otherwise says in one line what to install. CC, CGO_CFLAGS and CGO_LDFLAGS are respected as by go.
set -eu

go=${GO:-go}
cc=${CC:-$("$go" env CC)}
advice='install foundationdb-clients 7.3 (https://github.com/apple/foundationdb/releases), or name another place by CGO_CFLAGS=-IDIR and CGO_LDFLAGS=-LDIR'

if [ "$("$go" env CGO_ENABLED)" = 0 ] && [ "${CGO_ENABLED:-}" = 0 ]; then
	echo "error: the build with FoundationDB needs cgo: do not set CGO_ENABLED=0" >&2
	exit 1
fi
if ! command -v "${cc%% *}" >/dev/null 2>&1; then
	echo "error: the build with FoundationDB needs a C compiler, and there is no ${cc%% *}: install gcc or clang" >&2
	exit 1
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/client.c" <<'SOURCE'
#define FDB_API_VERSION 730
#include <foundationdb/fdb_c.h>
int main(void) { return fdb_get_max_api_version() < 730; }
SOURCE
# The flags are lists.
# shellcheck disable=SC2086
if ! $cc ${CGO_CFLAGS:-} -c -o "$dir/client.o" "$dir/client.c" 2>/dev/null; then
	echo "error: the header foundationdb/fdb_c.h of FoundationDB 7.3 is missing: $advice" >&2
	exit 1
fi
# shellcheck disable=SC2086
if ! $cc -o "$dir/client" "$dir/client.o" ${CGO_LDFLAGS:-} -lfdb_c -lm 2>/dev/null; then
	echo "error: the library libfdb_c of FoundationDB 7.3 is missing: $advice" >&2
	exit 1
fi
