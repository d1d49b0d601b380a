#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: loads the modules, and turns the dial. A kernel may have the
# drivers built in.

cd "$(dirname "$0")" || exit 1
uname -sr

for module in hid hid-generic uhid rust_bpf rust_hid hid_io; do
	[ -e "$module.ko" ] || continue
	echo "+ insmod $module.ko"
	insmod "$module.ko" || exit 1
done
echo "+ ./hid_io"
./hid_io
