package localpg

import "runtime"

// What differs between the systems we run on, apart from dying (parent_linux.go, parent_other.go).
var (
	// socketPathMax is the longest socket path, without its final zero: sun_path has 108 bytes on Linux,
	// 104 on macOS and the BSDs.
	socketPathMax = 107
	// variableDir is where root puts a cluster that its account cannot reach in the state directory.
	variableDir = "/var/lib/surgecast"
	// locale of the cluster: UTF-8 in the order of code points, the same on every machine. macOS has no
	// C.UTF-8 before 14; its plain C does the same for an UTF8 database.
	locale = "C.UTF-8"
)

func init() {
	if runtime.GOOS != "linux" {
		socketPathMax, variableDir, locale = 103, "/var/db/surgecast", "C"
	}
}
