package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// keepMutable makes this process, and the program that it becomes, unable to make files immutable.
func keepMutable() {
	runtime.LockOSThread() // the thread that becomes the program
	// Without the right to do this there is no right to make files immutable either.
	_ = unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_LINUX_IMMUTABLE, 0, 0, 0)
}
