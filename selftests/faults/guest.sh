#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: guest.sh MODULE...

debug=/sys/kernel/debug
# Allocations that may sleep fail as well; a stack trace for each is too much.
echo N > $debug/failslab/ignore-gfp-wait
echo 0 > $debug/failslab/verbose

# What the load of a module that has nothing to do with the crate needs. The first
# one fills caches.
unrelated()
{
	load_faults /tests/unrelated.ko | tail -n 1
	rmmod unrelated
}

unrelated > /dev/null
alone=$(unrelated)
for module; do
	file=/modules/$module.ko
	[ -e "$file" ] || file=/tests/$module.ko
	load_faults "$file" || exit 1
done

beside=$(unrelated)
printf 'without the crate: %s\nwith it:           %s\n' "$alone" "$beside"
[ -n "$alone" ] && [ "$alone" = "$beside" ] || exit 1
echo "an unrelated load is as it was"

# kmemleak reports what it does not find for 5 seconds.
sleep 6
echo scan > $debug/kmemleak
sleep 6
echo scan > $debug/kmemleak
if [ -s $debug/kmemleak ]; then
	cat $debug/kmemleak
	exit 1
fi
echo "no leaks"
