#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: guest.sh MODULE...

debug=/sys/kernel/debug
# Allocations that may sleep fail as well; a stack trace for each is too much.
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
