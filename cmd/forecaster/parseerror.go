package main

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// parseTrouble words what is wrong with the arguments. What the library says of a file names a system call; a person
// wants to know which file, and what to do.
func parseTrouble(err error) string {
	text := err.Error()
	if all := missing(err); len(all) > 0 {
		return "missing: " + strings.Join(all, ", ")
	}
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
	if got := notNatural.FindStringSubmatch(text); got != nil {
		return flag + got[1] + ": use a whole number, 0 or more."
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

// notNatural is how the library refuses what is no whole number from 0 on.
var notNatural = regexp.MustCompile(`expected a valid \d+ bit uint but got "([^"]*)"`)

// missing names everything a command lacks; the library tells of arguments only once no flag is missing.
func missing(err error) (all []string) {
	var p *kong.ParseError
	if !strings.HasPrefix(err.Error(), "missing flags: ") || !errors.As(err, &p) || p.Context == nil || p.Context.Selected() == nil {
		return nil
	}
	given := func(v *kong.Positional) bool {
		return slices.ContainsFunc(p.Context.Path, func(e *kong.Path) bool { return e.Positional == v })
	}
	for _, v := range p.Context.Selected().Positional {
		if v.Required && !given(v) {
			all = append(all, v.Summary())
		}
	}
	return append(all, strings.Split(strings.TrimPrefix(err.Error(), "missing flags: "), ", ")...)
}

var negative = regexp.MustCompile(`^-\.?\d`)

// joined writes "--speed -1" as "--speed=-1": no flag is called -1, and what the command says of the number tells more
// than how it should have been written.
func joined(args []string) []string {
	var out []string
	for i, a := range args {
		if n := len(out); n > 0 && negative.MatchString(a) && strings.HasPrefix(args[i-1], "--") && len(args[i-1]) > 2 && !strings.Contains(args[i-1], "=") {
			out[n-1] += "=" + a
			continue
		}
		out = append(out, a)
	}
	return out
}
