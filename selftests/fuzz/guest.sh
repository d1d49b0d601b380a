#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: guest.sh "FUZZ OPTIONS" MODULE...

options=$1
shift

load rust_bpf "$@" || exit 1
# The NMIs are those of sysrq, which prints stack traces; these have a low
# priority, as have the kernel's warnings.
dmesg -n 4
# The options are words.
# shellcheck disable=SC2086
fuzz $options "$@"
rc=$?
dmesg -n 8
dmesg | sed -e '/NMI backtrace for cpu [0-9]* skipped/d' \
	-e '/NMI backtrace for cpu/,/<\/TASK>/d' > /tmp/log
# What is left of them goes to the console, where the machine's owner looks.
cat /tmp/log > /dev/console

debug=/sys/kernel/debug
[ -e $debug/kmemleak ] || exit $rc
# kmemleak reports what it does not find for 5 seconds.
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
