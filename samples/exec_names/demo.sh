#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine: loads the modules, starts the loader, and executes
# programs with names that are hard to parse.

cd "$(dirname "$0")" || exit 1
uname -sr

echo "+ insmod rust_bpf.ko"
insmod rust_bpf.ko || exit 1
echo "+ insmod exec_names.ko"
insmod exec_names.ko || exit 1

# Scripts with these names. The demo needs only the name in execve().
folder=/tmp
for i in 1 2 3 4 5 6 7 8; do
	folder=$folder/a-folder-in-a-folder-in-a-folder-$i
done
set -- /tmp/Grüße /tmp/名前 "/tmp/$(printf 'not utf-8 \377\376')" \
	"/tmp/$(printf 'escape \033[31mred')" $folder/deep \
	/tmp/a-name-that-is-longer-than-the-sixty-four-bytes-for-which-there-is-room
mkdir -p $folder
for script; do
	echo '#!/bin/true' > "$script"
	chmod +x "$script"
done

# Only these programs are events: busybox may execute itself for mkdir or chmod.
programs()
{
	/bin/ls /
	/bin/uname
	for script; do
		"$script"
	done
}

echo "+ ./exec_names 8"
./exec_names 8 | {
	# The loader prints the head of its table after it has attached the program.
	IFS= read -r head && echo "$head"
	programs "$@" > /dev/null
	while IFS= read -r line; do
		printf '%s\n' "$line"
	done
}
