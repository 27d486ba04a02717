#!/usr/bin/env bash
# Copyright 2026 The Kelpie Authors
# SPDX-License-Identifier: Apache-2.0

# What Kelpie is for, in one screenful: a store and three nodes, each a process of its own; actors called through
# every node; the owner of some killed; their values found intact on the others. Fails if any of it is not so.
#
# KELPIE is the binary, bin/kelpie by default. Everything listens on free loopback ports, and keeps what it
# writes in a temporary directory that is removed at the end.

set -euo pipefail
export LC_ALL=C

((BASH_VERSINFO[0] >= 5)) || { echo "demo: bash 5 or later is required, this is $BASH_VERSION" >&2; exit 1; }

cd "$(dirname "$0")/.."
kelpie=${KELPIE:-bin/kelpie}
unset "${!KELPIE_@}" # settings for clusters of the reader's own

actors=(counter/a counter/b counter/c counter/d counter/e counter/f)
lease_ttl=2s
heartbeat=500ms

dir=$(mktemp -d "${TMPDIR:-/tmp}/kelpie-demo.XXXXXX")
declare -A pid_of=() # of what runs, by name
declare -A address_of=()

clean_up() {
    local status=$?
    trap - EXIT
    ((${#pid_of[@]} == 0)) || kill -9 "${pid_of[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    if ((status != 0)); then
        echo "The demo failed. What its processes logged last:" >&2
        for log in "$dir"/*.log; do
            echo "-- ${log##*/}" >&2
            tail -n 10 "$log" >&2 || true
        done
    fi
    rm -rf "$dir"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "demo: $*" >&2
    exit 1
}

heading() { printf '\n== %s\n' "$*"; }

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# start NAME ARGS... starts a process and waits until it says at which address it serves.
start() {
    local name=$1 log=$dir/$1.log tries=0
    shift
    : >"$log"
    "$kelpie" "$@" --listen 127.0.0.1:0 --data-dir "$dir/$name" >/dev/null 2>"$log" &
    pid_of[$name]=$!
    until address_of[$name]=$(sed -n 's/.*msg="\{0,1\}serving.* address=\([^ ]*\).*/\1/p' "$log") && [[ ${address_of[$name]} ]]; do
        kill -0 "${pid_of[$name]}" 2>/dev/null || fail "$name did not start"
        ((++tries < 300)) || fail "$name does not serve after 30 s"
        sleep 0.1
    done
    printf '%-6s %-16s process %s\n' "$name" "${address_of[$name]}" "${pid_of[$name]}"
}

# stop NAME stops a process as Ctrl-C would, and wants it to end well.
stop() {
    kill -TERM "${pid_of[$1]}"
    wait "${pid_of[$1]}" || fail "$1 did not stop cleanly"
    unset "pid_of[$1]"
}

owner_of() { "$kelpie" actors get "$1" -o yaml | sed -n 's/^node: //p'; }

# want ACTOR VALUE wants the actor to have the value, whichever node is asked.
want() {
    local value
    value=$("$kelpie" actors call "$1" get)
    [[ $value == "$2" ]] || fail "$1 is $value, not $2"
}

heading "A store, and three nodes that keep everything in it"
start store store serve
for node in n1 n2 n3; do
    lease=()
    [[ $node != n1 ]] || lease=(--lease-ttl "$lease_ttl" --heartbeat "$heartbeat") # the others find it in the store
    start "$node" node start --node-id "$node" --store "kelpie://${address_of[store]}" ${lease[@]+"${lease[@]}"}
done
export KELPIE_ADDR="${address_of[n1]},${address_of[n2]},${address_of[n3]}"
"$kelpie" cluster wait --nodes 3 >/dev/null

heading "Every counter is called through every node: 1 + 10 + 100"
for actor in "${actors[@]}"; do
    "$kelpie" actors call "$actor" add 1 --addr "${address_of[n1]}" >/dev/null
    "$kelpie" actors call "$actor" add 10 --addr "${address_of[n2]}" >/dev/null
    "$kelpie" actors call "$actor" add 100 --addr "${address_of[n3]}" >/dev/null
    want "$actor" 111
done
echo "\$ kelpie actors call ${actors[0]} get"
"$kelpie" actors call "${actors[0]}" get
echo "\$ kelpie actors ls"
"$kelpie" actors ls

victim=$(owner_of "${actors[0]}")
[[ ${pid_of[$victim]-} ]] || fail "${actors[0]} is owned by \"$victim\", which is none of the nodes"
heading "kill -9 of $victim, which owns ${actors[0]}; the lease is $lease_ttl"
kill -9 "${pid_of[$victim]}"
wait "${pid_of[$victim]}" 2>/dev/null || true
unset "pid_of[$victim]"
killed=$(now_ms)
for actor in "${actors[@]}"; do
    want "$actor" 111
done
took=$(($(now_ms) - killed))
for actor in "${actors[@]}"; do
    "$kelpie" actors call "$actor" add 1000 >/dev/null
    want "$actor" 1111
    owner=$(owner_of "$actor")
    [[ $owner != "$victim" && ${pid_of[$owner]-} ]] || fail "$actor is owned by \"$owner\" after the death of $victim"
done
echo "all ${#actors[@]} counters still had 111, the last of them read ${took} ms after the kill; 1000 more were added to each"
echo "\$ kelpie actors ls"
"$kelpie" actors ls

heading "SIGTERM to the rest"
for name in "${!pid_of[@]}"; do
    [[ $name == store ]] || stop "$name"
done
stop store
echo "all stopped cleanly"
echo
echo "One node of three died; nothing that a caller had been told was lost. Start one of your own: $kelpie node start"
