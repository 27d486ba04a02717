// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// caller makes one call and checks its answer.
type caller func(payload []byte) error

// system is a way to carry calls.
type system struct {
	name string
	// serve listens and returns the address; it serves until the process ends.
	serve func() (string, error)
	// dial returns callers, each for one goroutine, and what closes their connections.
	dial func(addr string, callers int) ([]caller, func(), error)
}

var systems = []system{
	{name: "kelpie", serve: serveKelpie, dial: dialKelpie},
	{name: "actors", serve: serveActors, dial: dialActors},
	{name: "grpc", serve: serveGRPC, dial: dialGRPC},
	{name: "tcp", serve: serveTCP, dial: dialTCP},
}

func repeat(n int, c caller) []caller {
	all := make([]caller, n)
	for i := range all {
		all[i] = c
	}
	return all
}

func checkEcho(sent, got []byte) error {
	if string(sent) != string(got) {
		return fmt.Errorf("echo of %d bytes differs from the %d bytes sent", len(got), len(sent))
	}
	return nil
}

func serveKelpie() (string, error) {
	mux := rpc.NewMux()
	mux.HandleAsync("echo", func(req *rpc.Request) { req.Reply(req.Payload, nil) })
	l, err := tcp.New().Listen("127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := rpc.NewServer(env.Real(), rpc.ServerConfig{}, mux)
	go func() { fatal(server.Serve(context.Background(), l)) }()
	return l.Addr(), nil
}

func dialKelpie(addr string, callers int) ([]caller, func(), error) {
	pool := rpc.NewPool(env.Real(), tcp.New(), rpc.PoolConfig{})
	call := func(payload []byte) error {
		answer, err := pool.Call(context.Background(), addr, rpc.ClassCall, "echo", payload)
		if err != nil {
			return err
		}
		return checkEcho(payload, answer)
	}
	return repeat(callers, call), pool.Close, nil
}

// bytesCodec hands gRPC bytes as they are, which spares it the cost of protocol buffers.
type bytesCodec struct{}

func (bytesCodec) Name() string                  { return "bytes" }
func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (bytesCodec) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), b...)
	return nil
}

func serveGRPC() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := grpc.NewServer(grpc.ForceServerCodec(bytesCodec{}))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Echo",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Echo",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (
				any, error) {
				var payload []byte
				err := decode(&payload)
				return &payload, err
			},
		}},
	}, struct{}{})
	go func() { fatal(server.Serve(l)) }()
	return l.Addr().String(), nil
}

func dialGRPC(addr string, callers int) ([]caller, func(), error) {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	call := func(payload []byte) error {
		var answer []byte
		err := conn.Invoke(context.Background(), "/bench.Echo/Echo", &payload, &answer, grpc.ForceCodec(bytesCodec{}))
		if err != nil {
			return err
		}
		return checkEcho(payload, answer)
	}
	return repeat(callers, call), func() { fatal(conn.Close()) }, nil
}

func serveTCP() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			conn, err := l.Accept()
			fatal(err)
			go echoTCP(conn)
		}
	}()
	return l.Addr().String(), nil
}

func echoTCP(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		frame, err := readTCP(r)
		if err != nil {
			return // the caller has gone
		}
		if _, err := conn.Write(frame); err != nil {
			return
		}
	}
}

// readTCP reads a frame, of a length and as many bytes, and returns it with its length.
func readTCP(r *bufio.Reader) ([]byte, error) {
	prefix, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(prefix))
	_, err = io.ReadFull(r, frame)
	return frame, err
}

// dialTCP makes a connection per caller.
func dialTCP(addr string, callers int) ([]caller, func(), error) {
	var all []caller
	var conns []net.Conn
	for range callers {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, nil, err
		}
		conns = append(conns, conn)
		r := bufio.NewReader(conn)
		all = append(all, func(payload []byte) error {
			frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(payload)), uint32(len(payload)))
			if _, err := conn.Write(append(frame, payload...)); err != nil {
				return err
			}
			answer, err := readTCP(r)
			if err != nil {
				return err
			}
			return checkEcho(payload, answer[4:])
		})
	}
	return all, func() {
		for _, conn := range conns {
			fatal(conn.Close())
		}
	}, nil
}
