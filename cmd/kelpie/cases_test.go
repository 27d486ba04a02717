// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// commandCases has what is tried of every command, by its path. A command that is not in it fails
// TestEveryCommandIsTried; files of their own may add to it.
var commandCases = map[string]commandCase{
	"kelpie actors call": {
		good: []trial{{line: "actors call counter/c add 5", says: "5\n"},
			{line: "actors call counter/d add -", stdin: "7", says: "7\n"}},
		wrong: []trial{{line: "actors call counter/a", says: "METHOD is missing"},
			{line: "actors call counter/a add {", says: "not JSON"}},
		down: []string{"actors call counter/a get"},
	},
	"kelpie actors dead-letters ls": {
		good: []trial{
			{line: "actors dead-letters ls --actor counter/a", says: "counter/a#1",
				on: serving(api.MethodDeadLetters, func(*api.DeadLettersRequest) (*api.DeadLettersReply, error) {
					return &api.DeadLettersReply{
						Letters: []api.DeadLetterRow{{Letter: "counter/a#1", Actor: "counter/a", Kind: "send"}}}, nil
				})}},
		wrong: []trial{{line: "actors dead-letters ls --actor counter", says: "NAMESPACE/ID"}},
		down:  []string{"actors dead-letters ls"},
		shape: listOf(deadLetterListing),
	},
	"kelpie actors dead-letters retry": {
		good: []trial{
			{line: "actors dead-letters retry counter/a#1", says: "counter/a#1 will be retried",
				on: serving(api.MethodDeadLetterRetry, letter)}},
		wrong: []trial{{line: "actors dead-letters retry", says: "at least one"}},
		down:  []string{"actors dead-letters retry counter/a#1"},
	},
	"kelpie actors quarantine ls": {
		good: []trial{
			{line: "actors quarantine ls --namespace counter", says: "counter/a",
				on: serving(api.MethodQuarantines, func(*api.QuarantinesRequest) (*api.QuarantinesReply, error) {
					return &api.QuarantinesReply{
						Quarantines: []api.QuarantineRow{
							{Actor: "counter/a", Node: "n1", Method: "add", Versions: []string{"v1"}}}}, nil
				})}},
		wrong: []trial{{line: "actors quarantine ls --namespace a/b", says: "namespace"}},
		down:  []string{"actors quarantine ls"},
		shape: listOf(quarantineListing),
	},
	"kelpie actors quarantine clear": {
		good: []trial{
			{line: "actors quarantine clear counter/a", says: "counter/a is no longer quarantined",
				on: serving(api.MethodQuarantineClear, func(req *api.QuarantineRequest) (*api.QuarantineReply, error) {
					return &api.QuarantineReply{Actor: req.Actor}, nil
				})}},
		wrong: []trial{{line: "actors quarantine clear", says: "at least one"}, {
			line: "actors quarantine clear counter", says: "NAMESPACE/ID"}},
		down: []string{"actors quarantine clear counter/a"},
	},
	"kelpie actors dead-letters rm": {
		good: []trial{
			{line: "actors dead-letters rm counter/a#1 --yes", says: "counter/a#1 removed",
				on: serving(api.MethodDeadLetterRm, letter)}},
		wrong: []trial{{line: "actors dead-letters rm counter/a --yes", says: "ACTOR#NUMBER"}},
		down:  []string{"actors dead-letters rm counter/a#1 --yes"},
	},
	"kelpie sends ls": {
		good: []trial{{line: "sends ls --to counter/b", says: "counter/a#1",
			on: serving(api.MethodSends, func(*api.SendsRequest) (*api.SendsReply, error) {
				return &api.SendsReply{Sends: []api.SendRow{{Send: "counter/a#1", Actor: "counter/a"}}}, nil
			})}},
		wrong: []trial{{line: "sends ls --to counter", says: "NAMESPACE/ID"}},
		down:  []string{"sends ls"},
		shape: listOf(sendListing),
	},
	"kelpie sends drop": {
		good: []trial{{line: "sends drop counter/a --yes", says: "actor counter/a: 2 messages dropped",
			on: serving(api.MethodSendDrop, func(*api.SendDropRequest) (*api.SendDropReply, error) {
				return &api.SendDropReply{Dropped: 2}, nil
			})}},
		wrong: []trial{{line: "sends drop counter/a#x --yes", says: "ACTOR#NUMBER"}},
		down:  []string{"sends drop counter/a#1 --yes"},
	},
	"kelpie alarms ls": {
		good: []trial{{line: "alarms ls --namespace counter", says: "counter/a",
			on: serving(api.MethodAlarms, alarms)}},
		wrong: []trial{{line: "alarms ls --actor counter", says: "NAMESPACE/ID"}},
		down:  []string{"alarms ls"},
		shape: listOf(alarmListing),
	},
	"kelpie alarms get": {
		good:  []trial{{line: "alarms get counter/a tea", says: "counter/a", on: serving(api.MethodAlarms, alarms)}},
		wrong: []trial{{line: "alarms get counter/a", says: "NAME is missing"}},
		down:  []string{"alarms get counter/a tea"},
		shape: oneOf(oneAlarmListing),
	},
	"kelpie alarms cancel": {
		good: []trial{{line: "alarms cancel counter/a tea --yes", says: `alarm "tea" of actor counter/a cancelled`,
			on: serving(api.MethodAlarmCancel, func(req *api.AlarmRequest) (*api.AlarmReply, error) {
				return &api.AlarmReply{Actor: req.Actor, Alarm: req.Alarm}, nil
			})}},
		wrong: []trial{{line: "alarms cancel counter tea --yes", says: "NAMESPACE/ID"}},
		down:  []string{"alarms cancel counter/a tea --yes"},
	},
	"kelpie actors describe": {
		good: []trial{{line: "actors describe counter/a", says: "add"}, {line: "actors describe kv", says: "put"}},
		wrong: []trial{{line: "actors describe", says: "ACTOR is missing"}, {
			line: "actors describe a b", says: "unexpected argument"}},
		down:  []string{"actors describe counter"},
		shape: listOf(methodListing),
	},
	"kelpie actors evict": {
		good: []trial{{before: "actors call counter/e add 1", line: "actors evict counter/e",
			says: "actor counter/e deactivated on node n"}},
		wrong: []trial{{line: "actors evict", says: "ACTOR is missing"}, {
			line: "actors evict counter", says: "NAMESPACE/ID"}},
		down: []string{"actors evict counter/a"},
	},
	"kelpie actors get": {
		good: []trial{{line: "actors get counter/a", says: "counter/a"},
			{line: "actors get counter/a --state", says: `{"struct":{"n":1},"space":{}}`}},
		wrong: []trial{{line: "actors get counter", says: "NAMESPACE/ID"}},
		down:  []string{"actors get counter/a"},
		shape: oneOf(actorDetailListing),
	},
	"kelpie actors ls": {
		good: []trial{{line: "actors ls", says: "counter/a"},
			{line: "actors ls --namespace counter --prefix a --state owned", says: "counter/a"}},
		wrong: []trial{
			{line: "actors ls --state asleep", says: "must be one of owned, orphaned, released"},
			{line: "actors ls x", says: "unexpected argument"},
			{line: "actors ls --node a/b", says: "node name"},
			{line: "actors ls --namspace counter", says: "did you mean --namespace?"},
		},
		down:  []string{"actors ls"},
		shape: listOf(actorListing),
	},
	"kelpie actors migrate": {
		good: []trial{
			{before: "actors call counter/m add 1", line: "actors migrate counter/m --force", says: "counter/m"}},
		wrong: []trial{{line: "actors migrate", says: "either an actor or"}},
		down:  []string{"actors migrate counter/a"},
		shape: oneOf(migrateListing),
	},
	"kelpie actors rm": {
		good: []trial{{before: "actors call counter/r add 1", line: "actors rm counter/r --yes",
			says: "state of actor counter/r deleted"}},
		wrong: []trial{{line: "actors rm", says: "ACTOR is missing"}},
		down:  []string{"actors rm counter/a --yes"},
	},
	"kelpie actors watch": {
		good: []trial{{line: "actors watch --namespace counter", interrupt: true, errs: "watching "}},
		wrong: []trial{{line: "actors watch --interval 1ms", says: "at least"}, {
			line: "actors watch --state asleep", says: "must be one of"}},
		down:  []string{"actors watch"},
		shape: linesOf(actorChangeListing),
	},
	"kelpie bench": {
		good:  []trial{{line: "bench --calls 10 --actors 2 --callers 2", says: "add"}},
		wrong: []trial{{line: "bench --callers 0", says: "--callers"}},
		down:  []string{"bench --calls 1"},
		shape: oneOf(benchListing),
	},
	"kelpie cluster rebalance": {
		good:  []trial{{line: "cluster rebalance --dry-run", says: "n2"}},
		wrong: []trial{{line: "cluster rebalance --by name", says: "actors, load or memory"}},
		down:  []string{"cluster rebalance --dry-run"},
		shape: oneOf(rebalanceListing),
	},
	"kelpie cluster status": {
		good:  []trial{{line: "cluster status", says: "2 active"}},
		wrong: []trial{{line: "cluster status x", says: "unexpected argument"}},
		down:  []string{"cluster status"},
		shape: oneOf(clusterStatusListing),
	},
	"kelpie cluster wait": {
		good:  []trial{{line: "cluster wait --nodes 2", says: "2 nodes active"}},
		wrong: []trial{{line: "cluster wait", says: "--nodes"}},
		down:  []string{"cluster wait --nodes 1 --timeout 50ms"},
	},
	"kelpie completion bash":       completionCase("bash"),
	"kelpie completion fish":       completionCase("fish"),
	"kelpie completion powershell": completionCase("powershell"),
	"kelpie completion zsh":        completionCase("zsh"),
	"kelpie help": {
		good:  []trial{{line: "help node start", says: "--lease-ttl"}, {line: "help exit-codes", says: "141"}},
		wrong: []trial{{line: "help nod", says: "node"}},
		alone: "it asks nobody",
	},
	"kelpie leases break": {
		good: []trial{{before: "actors call counter/l add 1", line: "leases break --actor counter/l --yes",
			says: "actor counter/l taken"},
			{line: "leases break n2 --dry-run", says: "nothing was broken"}},
		wrong: []trial{{line: "leases break", says: "either a node or"}},
		down:  []string{"leases break n --yes", "leases break --actor counter/a --dry-run"},
	},
	"kelpie leases ls": {
		good: []trial{
			{line: "leases ls", says: "n1"},
			{line: "leases ls --state failed,suspect,active -o name", says: "n1\nn2\n"}},
		wrong: []trial{{line: "leases ls --state dead", says: "must be one of active, suspect"}},
		down:  []string{"leases ls"},
		shape: listOf(leaseListing),
	},
	"kelpie leases show": {
		good:  []trial{{line: "leases show n2", says: "n2"}},
		wrong: []trial{{line: "leases show", says: "NODE is missing"}, {line: "leases show a/b", says: "node name"}},
		down:  []string{"leases show n2"},
		shape: oneOf(leaseListing),
	},
	"kelpie namespaces ls": {
		good:  []trial{{line: "namespaces ls", says: "counter"}},
		wrong: []trial{{line: "namespaces ls x", says: "unexpected argument"}},
		down:  []string{"namespaces ls"},
		shape: listOf(namespaceListing),
	},
	"kelpie namespaces set": {
		good: []trial{{line: "namespaces set cache --idle-timeout 1m --dry-run", says: "idle_timeout_ms"}},
		wrong: []trial{{line: "namespaces set counter", says: "pass what to set"},
			{line: "namespaces set counter --consistency weak", says: "must be linearizable or stale"}},
		down:  []string{"namespaces set counter --placement random"},
		shape: listOf(namespaceChangeListing),
	},
	"kelpie namespaces show": {
		good:  []trial{{line: "namespaces show kv", says: "least-loaded"}},
		wrong: []trial{{line: "namespaces show a/b", says: "namespace"}},
		down:  []string{"namespaces show counter"},
		shape: oneOf(namespaceDetailListing),
	},
	"kelpie node drain": {
		good:  []trial{{line: "node drain n2 --yes", says: "drain", after: "node undrain n2"}},
		wrong: []trial{{line: "node drain", says: "NODE is missing"}},
		down:  []string{"node drain n --yes"},
		shape: oneOf(jobListing),
	},
	"kelpie node ls": {
		good: []trial{
			{line: "node ls", says: "n1"},
			{line: "node ls --zone eu --label disk=ssd --state active -o name", says: "n1\n"}},
		wrong: []trial{{line: "node ls --state dead", says: "must be one of active"},
			{line: "node ls --label disk", says: "KEY=VALUE"}, {line: "node ls --zone a/b", says: "zone"}},
		down:  []string{"node ls"},
		shape: listOf(nodeListing),
	},
	"kelpie node rm": {
		good: []trial{
			{line: "node rm n3 --yes", says: "node n3 forgotten",
				on: serving(api.MethodNodeRemove, func(req *api.NodeRemoveRequest) (*api.NodeRemoveReply, error) {
					return &api.NodeRemoveReply{Node: req.Node}, nil
				})}},
		wrong: []trial{{line: "node rm", says: "NODE is missing"}},
		down:  []string{"node rm n --yes"},
	},
	"kelpie node show": {
		good:  []trial{{line: "node show n2", says: "n2"}},
		wrong: []trial{{line: "node show a/b", says: "node name"}},
		down:  []string{"node show n"},
		shape: oneOf(nodeDetailListing),
	},
	"kelpie node start": {
		good:  []trial{{line: "node start --store memory: --listen 127.0.0.1:0 --node-id n", serves: true}},
		wrong: []trial{{line: "node start --listen x", says: "HOST:PORT"}},
		alone: "it is the cluster, and waits for those that it is to join",
	},
	"kelpie node undrain": {
		good:  []trial{{line: "node undrain n2", says: "node n2 is active"}},
		wrong: []trial{{line: "node undrain a/b", says: "node name"}},
		down:  []string{"node undrain n"},
	},
	"kelpie placements ls": {
		good: []trial{{line: "placements ls", says: "counter"}, {
			line: "placements ls --by namespace -o name", says: "counter\n"},
			{line: "placements ls --by node --namespace counter", says: "*"}},
		wrong: []trial{{line: "placements ls --by zone", says: "must be node or namespace"},
			{line: "placements ls --node a/b", says: "node name"}},
		down:  []string{"placements ls", "placements ls --by node"},
		shape: listOf(placementListing),
	},
	"kelpie sim": {
		good:  []trial{{line: "sim --seed 7 --profile smoke", says: "seed 7: every promise held"}},
		wrong: []trial{{line: "sim --faults nosuch", says: "sim ls"}},
		alone: "it makes its own clusters",
		shape: linesOf(simListing),
	},
	"kelpie sim ls": {
		good:  []trial{{line: "sim ls", says: "crash"}},
		wrong: []trial{{line: "sim ls x", says: "unexpected argument"}},
		alone: "it asks nobody",
		shape: listOf(simItemListing),
	},
	"kelpie store get": {
		good:  []trial{{line: "store get meta", says: "meta"}},
		wrong: []trial{{line: "store get", says: "KEY is missing"}},
		down:  []string{"store get meta"},
		shape: oneOf(storeListing),
	},
	"kelpie store scan": {
		good:  []trial{{line: "store scan node", says: "node/n1"}},
		wrong: []trial{{line: "store scan [", says: "JSON array"}},
		down:  []string{"store scan"},
		shape: listOf(storeListing),
	},
	"kelpie store serve": {
		good:  []trial{{line: "store serve --store memory: --listen 127.0.0.1:0", serves: true}},
		wrong: []trial{{line: "store serve --listen x", says: "HOST:PORT"}},
		alone: "it is what clusters need, and needs none",
	},
	"kelpie config show": {
		good:  []trial{{line: "config show", says: "KELPIE_ADDR"}},
		wrong: []trial{{line: "config show x", says: "unexpected argument"}},
		alone: "it asks nobody",
		shape: listOf(settingListing),
	},
	"kelpie context add": {
		good: []trial{{line: "context add prod --addr h:1", says: "context prod added", on: withContexts}},
		wrong: []trial{{line: "context add prod", says: "--addr is missing"},
			{line: "context add", says: "NAME is missing"}},
		alone: "it asks nobody",
	},
	"kelpie context ls": {
		good:  []trial{{line: "context ls", says: "test", on: withContexts}},
		wrong: []trial{{line: "context ls x", says: "unexpected argument"}},
		alone: "it asks nobody",
		shape: listOf(contextListing),
	},
	"kelpie context rm": {
		good:  []trial{{line: "context rm test --yes", says: "test", on: withContexts}},
		wrong: []trial{{line: "context rm", says: "NAME is missing"}},
		alone: "it asks nobody",
	},
	"kelpie context use": {
		good:  []trial{{line: "context use test", says: "context test is now current", on: withContexts}},
		wrong: []trial{{line: "context use", says: "NAME is missing"}},
		alone: "it asks nobody",
	},
	"kelpie dev": {
		good:  []trial{{line: "dev --help", says: "playground"}},
		wrong: []trial{{line: "dev --nodes 0", says: "--nodes 0: must be from 1 to 16"}},
		alone: "it is a cluster: TestDev shows it with processes of its own",
	},
	"kelpie doctor": {
		good:  []trial{{line: "doctor --listen 127.0.0.1:59321 --data-dir " + os.TempDir(), says: "open files"}},
		wrong: []trial{{line: "doctor x", says: "unexpected argument"}},
		alone: "it checks the rest: TestDoctorWithoutACluster",
		shape: listOf(findingListing),
	},
	"kelpie events": {
		good: []trial{
			{line: "events", says: "joined"}, {line: "events --kind joined --node n2 --limit 1", says: "n2"},
			{line: "events --since 2h", says: "joined"}, {line: "events --since 1d -o json", says: `"kind":"joined"`}},
		wrong: []trial{{line: "events --kind born", says: "must be one of joined"},
			{line: "events --actor a", says: "NAMESPACE/ID"}, {line: "events --since yesterday", says: "such as 2h"},
			{line: "events --since -2h", says: "--since -2h"},
			{line: "events --watch --store pebble:x", says: "leave --store out"}},
		down:  []string{"events", "events --watch", "events --since 2h"},
		shape: listOf(eventListing),
	},
	"kelpie store backup": {
		good: []trial{{line: "store backup NEW", says: "all of one moment"},
			{line: "store backup -", says: "KELPIE BACKUP 1\n", errs: "all of one moment"}},
		wrong: []trial{{line: "store backup", says: "FILE is missing"},
			{line: "store backup s3://x", says: "s3://BUCKET/KEY"}},
		down:  []string{"store backup -"},
		shape: oneOf(backupListing),
	},
	"kelpie store check": {
		good:  []trial{{line: "store check", errs: "0 problems"}},
		wrong: []trial{{line: "store check --store x:y", says: "x:y"}},
		down:  []string{"store check"},
		shape: listOf(problemListing),
	},
	"kelpie store clear": {
		good: []trial{{before: "store set 0x0101 x --yes", line: "store clear 0x0101 --yes", says: "deleted"}},
		wrong: []trial{{line: "store clear", says: "KEY is missing"},
			{line: "store clear 0x1 --yes", says: "hexadecimal"}},
		down: []string{"store clear 0x01 --yes"},
	},
	"kelpie store migrate": {
		good:  []trial{{line: "store migrate --help", says: "schema"}},
		wrong: []trial{{line: "store migrate --yes", says: "--store"}},
		alone: "the nodes have stopped: TestAClusterMovesToAnotherStore",
	},
	"kelpie store restore": {
		good: []trial{{line: "store restore --help", says: "must be empty"}},
		wrong: []trial{{line: "store restore f", says: "--store"},
			{line: "store restore - --store pebble:d", says: "--yes"}},
		alone: "the nodes have stopped: TestAClusterMovesToAnotherStore",
	},
	"kelpie store verify": {
		good:  []trial{{before: "store backup NEW", line: "store verify NEW", says: "it is whole"}},
		wrong: []trial{{line: "store verify", says: "FILE is missing"}},
		alone: "it reads a file: TestVerifyABackup",
		shape: oneOf(backupListing),
	},
	"kelpie store set": {
		good: []trial{{line: "store set 0x02 hello --yes", says: "5 bytes", after: "store clear 0x02 --yes"}},
		wrong: []trial{{line: "store set 0x01", says: "VALUE is missing"},
			{line: "store set 0x01 0xf --yes", says: "0xf"}},
		down: []string{"store set 0x01 x --yes"},
	},
	"kelpie store stats": {
		good:  []trial{{line: "store stats", says: "claim"}},
		wrong: []trial{{line: "store stats --store x:y", says: "x:y"}},
		down:  []string{"store stats"},
		shape: listOf(storeStatsListing),
	},
	"kelpie top": {
		good:  []trial{{line: "top --once", says: "LEASES"}, {line: "top", says: "n2"}},
		wrong: []trial{{line: "top --refresh 1ms", says: "--refresh 1ms: must be from 500ms"}},
		down:  []string{"top", "top --once"},
	},
	"kelpie version": {
		good:  []trial{{line: "version", says: "kelpie "}},
		shape: oneOf(versionListing),
		wrong: []trial{{line: "version x", says: "unexpected argument"}},
		alone: "it asks nobody",
	},
}

func completionCase(shell string) commandCase {
	return commandCase{
		good:  []trial{{line: "completion " + shell, says: "kelpie"}},
		wrong: []trial{{line: "completion " + shell + " x", says: `"x"`}},
		alone: "it asks nobody",
	}
}

// letter does what is asked of a dead letter.
func letter(req *api.DeadLetterRequest) (*api.DeadLetterReply, error) {
	return &api.DeadLetterReply{Letter: req.Letter}, nil
}

// alarms lists one.
func alarms(*api.AlarmsRequest) (*api.AlarmsReply, error) {
	return &api.AlarmsReply{Alarms: []api.AlarmRow{{Actor: "counter/a", Alarm: "tea", Method: "add"}}}, nil
}

// serving returns a terminal that asks a node that answers one method.
func serving[Req, Resp any](method string, f func(req *Req) (*Resp, error)) func(t *testing.T) terminal {
	return func(t *testing.T) terminal {
		return terminal{env: map[string]string{"KELPIE_ADDR": node(t, method, f)}}
	}
}

// withContexts returns a terminal with a context.
func withContexts(t *testing.T) terminal {
	term, _ := configured(t, "contexts:\n  test:\n    addr: h:1\n")
	return term
}
