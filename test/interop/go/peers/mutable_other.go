//go:build !linux

package main

func keepMutable() {}
