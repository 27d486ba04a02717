// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// partBytes is how much of an object is sent at a time, and kept in memory meanwhile. An object has at most 10,000
	// parts, so a backup is at most 625 GiB long.
	partBytes = 64 << 20
	// roleTimeout is how long to wait for the role of the machine, which is asked for if there are no other
	// credentials.
	roleTimeout = 5 * time.Second
	// amazon is the endpoint unless AWS_ENDPOINT_URL names another one.
	amazon = "https://s3.amazonaws.com"
)

// setting returns the first of the variables that is set.
func setting(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

func connect() (*minio.Client, error) {
	endpoint := setting("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
	if endpoint == "" {
		endpoint = amazon
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" ||
		strings.Trim(at.Path, "/") != "" || at.RawQuery != "" {
		return nil, api.Errorf(api.CodeInvalidArgument, "AWS_ENDPOINT_URL is %q: it must be https://HOST or "+
			"http://HOST:PORT, without a path", endpoint)
	}
	client, err := minio.New(at.Host, &minio.Options{
		Secure: at.Scheme == "https",
		Region: setting("AWS_REGION", "AWS_DEFAULT_REGION"),
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{},
			&credentials.FileAWSCredentials{},
			&credentials.IAM{Client: &http.Client{Timeout: roleTimeout}},
		}),
	})
	if err != nil {
		return nil, api.Errorf(api.CodeInvalidArgument, "AWS_ENDPOINT_URL is %q: %v", endpoint, err)
	}
	return client, nil
}

// objectError says of an error of the object store what it means.
func objectError(p Place, err error) error {
	if _, typed := errors.AsType[*api.Error](err); err == nil || typed || errors.Is(err, context.Canceled) {
		return err
	}
	answer, answered := errors.AsType[minio.ErrorResponse](err)
	said := strings.TrimSuffix(answer.Message, ".")
	switch {
	case !answered:
		return api.Errorf(api.CodeUnavailable, "%s: the object store does not answer: %s", p, reason(err))
	case answer.Code == minio.NoSuchBucket:
		return api.Errorf(api.CodeNotFound, "%s: there is no bucket %q", p, p.bucket)
	case answer.Code == minio.NoSuchKey:
		return api.Errorf(api.CodeNotFound, "there is no object %s", p)
	case answer.StatusCode == http.StatusForbidden:
		return api.Errorf(api.CodeFailedPrecondition, "%s: the object store refuses: %s; see the variables "+
			"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", p, said)
	case answer.Code == "AuthorizationHeaderMalformed", answer.Message == "400 Bad Request": // to HEAD, without a word
		return api.Errorf(api.CodeFailedPrecondition, "%s: the object store refuses: %s; see the variable AWS_REGION",
			p, said)
	case answer.StatusCode >= http.StatusInternalServerError:
		return api.Errorf(api.CodeUnavailable, "%s: the object store fails: %s", p, said)
	}
	return api.Errorf(api.CodeFailedPrecondition, "%s: the object store refuses: %s", p, said)
}

// getObject returns a reader of an object, and its size in bytes.
func getObject(ctx context.Context, p Place) (io.ReadCloser, int64, error) {
	client, err := connect()
	if err != nil {
		return nil, 0, err
	}
	o, err := client.GetObject(ctx, p.bucket, p.key, minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, objectError(p, err)
	}
	info, err := o.Stat()
	if err != nil {
		return nil, 0, errors.Join(objectError(p, err), o.Close())
	}
	return &object{o, p}, info.Size, nil
}

// object is an object that is read.
type object struct {
	*minio.Object
	place Place
}

func (o *object) Read(p []byte) (int, error) {
	n, err := o.Object.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = objectError(o.place, err)
	}
	return n, err
}

// upload is an object that is written. It appears when all of its parts are there.
type upload struct {
	*io.PipeWriter
	place Place
	// done gets the outcome, once.
	done chan error
}

func putObject(ctx context.Context, p Place, replace bool) (*upload, error) {
	client, err := connect()
	if err != nil {
		return nil, err
	}
	_, err = client.StatObject(ctx, p.bucket, p.key, minio.StatObjectOptions{})
	answer, _ := errors.AsType[minio.ErrorResponse](err)
	switch {
	case answer.Code == minio.NoSuchKey, replace && (err == nil || answer.StatusCode == http.StatusForbidden):
	case err == nil:
		return nil, exists(p.String())
	case answer.StatusCode == http.StatusForbidden: // these credentials may write at most, or are wrong
		return nil, api.Errorf(api.CodeFailedPrecondition, "%s: the object store does not say whether it exists: see "+
			"the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pass --force if they are only for writing",
			p)
	default:
		return nil, objectError(p, err)
	}
	o := minio.PutObjectOptions{PartSize: partBytes, NumThreads: 1, ContentType: "application/octet-stream"}
	r, w := io.Pipe()
	u := &upload{w, p, make(chan error, 1)}
	go func() {
		_, err := client.PutObject(ctx, p.bucket, p.key, r, -1, o)
		err = objectError(p, err)
		r.CloseWithError(err)
		u.done <- err
	}()
	return u, nil
}

func (u *upload) commit() error {
	return errors.Join(u.Close(), <-u.done)
}

func (u *upload) abort() error {
	u.CloseWithError(errAborted)
	<-u.done // fails, as it was to
	return nil
}

var errAborted = errors.New("the backup was given up")
