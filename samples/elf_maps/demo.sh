#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: loads the modules, and lists the ELF images of a process. The kernel
# must have the patches in patches/.

cd "$(dirname "$0")" || exit 1
uname -sr

for module in rust_bpf elf_maps; do
	[ -e "$module.ko" ] || continue
	echo "+ insmod $module.ko"
	insmod "$module.ko" || exit 1
done
sleep 60 &
sleep 1
echo "+ ./elf_maps \$(pidof sleep)"
./elf_maps $!
