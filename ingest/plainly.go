package ingest

import (
	"errors"
	"net"
	"syscall"
)

// plainly words an error of a connection for a person. The log has all of it.
func plainly(err error) string {
	var name *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "nobody knows the name " + name.Name + ", or this machine is not connected"
	case errors.As(err, &name):
		return "the name " + name.Name + " cannot be looked up: " + name.Err
	case !errors.As(err, &dial) || dial.Op != "dial" || dial.Addr == nil:
		return err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens at " + dial.Addr.String()
	case dial.Timeout():
		return dial.Addr.String() + " does not answer"
	}
	return dial.Addr.String() + ": " + dial.Err.Error()
}
