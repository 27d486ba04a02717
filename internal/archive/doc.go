// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package archive reads and writes the places where backups are kept: files, pipes, and objects of S3-compatible
// stores, encrypted or not.
//
// A backup appears at its place when it is complete, or not at all. Encryption is that of age
// (https://age-encryption.org): anybody who has a recipient's public key can encrypt, and only who has the identity
// can decrypt. What was encrypted is also authenticated: a change of any byte is noticed when it is read.
//
// An object is read and written by the settings that the tools of AWS have: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
// and AWS_SESSION_TOKEN, or ~/.aws/credentials, or the role of the machine; AWS_REGION; and AWS_ENDPOINT_URL for a
// store that is not Amazon's.
package archive
