#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: guest.sh "FUZZ OPTIONS" MODULE...

options=$1
shift

load rust_bpf "$@" || exit 1
# The NMIs come from sysrq, which prints stack traces. The traces have a low priority,
# like the kernel's warnings, and stay off the console.
dmesg -n 4
# The options are words.
# shellcheck disable=SC2086
fuzz $options "$@"
rc=$?
dmesg -n 8
dmesg | sed -e '/NMI backtrace for cpu [0-9]* skipped/d' \
	-e '/NMI backtrace for cpu/,/<\/TASK>/d' > /tmp/log
# The log without these traces goes to the console, which "vm" checks.
cat /tmp/log > /dev/console

debug=/sys/kernel/debug
[ -e $debug/kmemleak ] || exit $rc
# kmemleak reports memory that has had no reference for 5 seconds.
sleep 6
echo scan > $debug/kmemleak
sleep 6
echo scan > $debug/kmemleak
if [ -s $debug/kmemleak ]; then
	cat $debug/kmemleak
	exit 1
fi
echo "kmemleak found nothing"
exit $rc
