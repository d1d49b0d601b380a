#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: guest.sh MODULE...

load hid || exit 1
debug=/sys/kernel/debug
# Let allocations that may sleep fail, too, and print no stack trace for each failure.
echo N > $debug/failslab/ignore-gfp-wait
echo 0 > $debug/failslab/verbose

for module; do
	file=/modules/$module.ko
	[ -e "$file" ] || file=/tests/$module.ko
	load_faults "$file" || exit 1
done

# kmemleak reports memory that has had no reference for 5 seconds.
sleep 6
echo scan > $debug/kmemleak
sleep 6
echo scan > $debug/kmemleak
if [ -s $debug/kmemleak ]; then
	cat $debug/kmemleak
	exit 1
fi
echo "no leaks"
