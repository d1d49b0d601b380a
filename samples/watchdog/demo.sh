#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: loads the modules, and watches a worker that gets stuck. The
# kernel must have the patches in patches/.

cd "$(dirname "$0")" || exit 1
uname -sr

for module in rust_bpf watchdog; do
	[ -e "$module.ko" ] || continue
	echo "+ insmod $module.ko"
	insmod "$module.ko" || exit 1
done
echo "+ ./watchdog"
./watchdog
