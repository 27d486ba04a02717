// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import "github.com/kelpiehq/kelpie/pkg/api"

// magic begins every hello, so that a stranger's bytes are known for what they are.
const magic = "kelpie-rpc"

// Identity is what a process says of itself in its hellos. Its functions are called for every
// connection and must not block; nil ones say nothing.
type Identity struct {
	// ClusterID is the cluster that the process belongs to. A peer of another one is refused; empty
	// agrees with any.
	ClusterID func() string
	// NodeID is the name of the node; empty for a tool.
	NodeID string
	// Incarnation is the node's present incarnation.
	Incarnation func() string
	// Control says that the process operates the cluster, and does not only call actors: a server keeps room for such.
	Control bool
	// Credentials, sent by who dials, are what ServerConfig.Admit judges.
	Credentials func() string
}

// PeerInfo is what the process at the other side said of itself in its hello.
type PeerInfo struct {
	// ClusterID is the cluster it belongs to; empty for none: a tool, or a node that has not joined.
	ClusterID string
	// NodeID is its name; empty for a tool.
	NodeID string
	// Incarnation identifies the life of the node when the connection was made; empty if it had none.
	Incarnation string
	// Version is the version of the protocol spoken with it.
	Version int
	// Address is where the connection came from or went to, for people.
	Address string
}

// hello is the first frame on a connection, by who dialled. The layout of its first
// four elements never changes, so that any two versions can at least disagree politely.
type hello struct {
	versionMin, versionMax uint64
	peer                   PeerInfo // without Version and Address
	credentials            string
	control                bool
}

func text(f func() string) string {
	if f == nil {
		return ""
	}
	return f()
}

func (i *Identity) hello() hello {
	return hello{
		versionMin:  protocolVersionMin,
		versionMax:  ProtocolVersion,
		peer:        PeerInfo{ClusterID: text(i.ClusterID), NodeID: i.NodeID, Incarnation: text(i.Incarnation)},
		credentials: text(i.Credentials),
		control:     i.Control,
	}
}

func appendHello(b []byte, h hello) []byte {
	elements := 9
	if h.control {
		elements++
	}
	b = beginFrame(b, elements, kindHello, 0)
	b = api.AppendString(b, magic)
	b = api.AppendUint(b, h.versionMin)
	b = api.AppendUint(b, h.versionMax)
	b = appendPeer(b, h.peer)
	b = api.AppendString(b, cut(h.credentials, identityBytesMax))
	if h.control {
		b = api.AppendBool(b, true)
	}
	return endFrame(b, nil)
}

func appendPeer(b []byte, p PeerInfo) []byte {
	b = api.AppendString(b, cut(p.ClusterID, identityBytesMax))
	b = api.AppendString(b, cut(p.NodeID, identityBytesMax))
	return api.AppendString(b, cut(p.Incarnation, identityBytesMax))
}

func (f *frame) peer() PeerInfo {
	return PeerInfo{ClusterID: f.decoder.String(), NodeID: f.decoder.String(), Incarnation: f.decoder.String()}
}

// parseHello reads a frame that must be a hello. Of one of another protocol version only the versions are read.
func parseHello(b []byte) (hello, error) {
	f, err := parseFrame(b)
	if err != nil {
		return hello{}, err
	}
	if f.kind != kindHello || f.decoder.String() != magic {
		return hello{}, api.Errorf(api.CodeMismatch, "the peer does not speak Kelpie's protocol")
	}
	h := hello{versionMin: f.decoder.Uint(), versionMax: f.decoder.Uint()}
	if f.decoder.Err() != nil {
		return hello{}, errHeader
	}
	if _, err := agree(h); err != nil {
		return h, nil
	}
	h.peer = f.peer()
	h.credentials = f.decoder.String()
	read := 7
	if f.left > read {
		h.control = f.decoder.Bool()
		read++
	}
	_, err = f.end(read)
	return h, err
}

// agree returns the newest version that both sides speak.
func agree(h hello) (version int, err error) {
	if h.versionMin > ProtocolVersion || h.versionMax < protocolVersionMin || h.versionMin > h.versionMax {
		return 0, api.Errorf(api.CodeMismatch,
			"protocol versions differ: the server speaks %d to %d, the caller %d to %d",
			protocolVersionMin, ProtocolVersion, h.versionMin, h.versionMax)
	}
	return int(min(h.versionMax, ProtocolVersion)), nil
}

// sameCluster returns an error of api.CodeMismatch if the two cluster ids disagree.
func sameCluster(server, caller string) error {
	if server == "" || caller == "" || server == caller {
		return nil
	}
	return api.Errorf(api.CodeMismatch, "clusters differ: the server belongs to %q, the caller to %q", server, caller)
}

// judge decides on a hello, as a server of the given identity: it returns the peer, or why it is refused.
func (i *Identity) judge(h hello) (PeerInfo, error) {
	version, err := agree(h)
	if err != nil {
		return PeerInfo{}, err
	}
	if err := sameCluster(text(i.ClusterID), h.peer.ClusterID); err != nil {
		return PeerInfo{}, err
	}
	peer := h.peer
	peer.Version = version
	return peer, nil
}

func appendWelcome(b []byte, i *Identity, version int) []byte {
	b = beginFrame(b, 6, kindWelcome, 0)
	b = api.AppendUint(b, uint64(version))
	own := i.hello().peer
	return endFrame(appendPeer(b, own), nil)
}

// parseWelcome reads the answer to a hello of identity i. The refusal of a peer is an
// *api.Error with the code it gave, or of api.CodeMismatch.
func (i *Identity) parseWelcome(b []byte) (PeerInfo, error) {
	f, err := parseFrame(b)
	if err != nil {
		return PeerInfo{}, err
	}
	switch f.kind {
	case kindRefusal:
		refusal, err := f.error()
		if err != nil {
			return PeerInfo{}, err
		}
		return PeerInfo{}, refusal
	case kindWelcome:
	default:
		return PeerInfo{}, api.Errorf(api.CodeMismatch, "the peer does not speak Kelpie's protocol")
	}
	version := f.decoder.Uint()
	peer := f.peer()
	if _, err := f.end(4); err != nil {
		return PeerInfo{}, err
	}
	if version < protocolVersionMin || version > ProtocolVersion {
		return PeerInfo{}, api.Errorf(api.CodeMismatch,
			"protocol versions differ: the server chose %d, the caller speaks %d to %d",
			version, protocolVersionMin, ProtocolVersion)
	}
	peer.Version = int(version)
	return peer, sameCluster(peer.ClusterID, text(i.ClusterID))
}
