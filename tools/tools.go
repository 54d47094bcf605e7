// Package tools checks what no compiler of the product sees: the compose file and the Dockerfile. It is a module
// of its own, with the linters as tools, so that none of their modules reaches the product's graph.
package tools
