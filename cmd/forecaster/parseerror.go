package main

import (
	"errors"
	"io/fs"
	"strings"
)

// parseTrouble words what is wrong with the arguments. What the library says of a file names a system call; a person
// wants to know which file, and what to do.
func parseTrouble(err error) string {
	text := err.Error()
	flag, _, named := strings.Cut(text, ": ")
	if !named || !strings.HasPrefix(flag, "--") { // <file> is nothing anybody wrote
		flag = ""
	} else {
		flag += " "
	}
	if path, ok := strings.CutSuffix(text, " exists but is a directory"); ok {
		_, path, _ = strings.Cut(path, ": ")
		return flag + strings.Trim(path, `"`) + " is a directory: name the file in it."
	}
	var p *fs.PathError
	switch {
	case !errors.As(err, &p):
		return text
	case errors.Is(p, fs.ErrNotExist):
		return flag + p.Path + ": there is no such file. Check the name, or the directory the command is run in."
	case errors.Is(p, fs.ErrPermission):
		return flag + p.Path + ": may not be looked at by this user. Change its permissions, or those of the directory it is in."
	}
	return flag + p.Path + ": " + p.Err.Error()
}
