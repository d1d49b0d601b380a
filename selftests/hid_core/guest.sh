#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: guest.sh MODULE...

# run PROGRAM: the program ends a test that takes longer than 30 seconds, and has less than
# two minutes for all tests.
run()
{
	timeout 110 "/hid/$1"
}

# tests WITH|WITHOUT: runs the programs. Their tests wait 50 microseconds for a device, which
# can be too short on a busy machine, so a program with a failed test runs again. One that
# took too long (143) does not.
tests()
{
	for program in hid_bpf hidraw; do
		echo "== $program, $1 the modules"
		run $program || [ $? -eq 143 ] || run $program
	done
}

load hid uhid hid-generic || exit 1
tests without
load "$@" || exit 1
tests with
