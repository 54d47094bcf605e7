//go:build !linux

package localpg

import "errors"

func mountTmpfs(string, string) error { return errors.New("only written for Linux") }

func unmount(string) {}
