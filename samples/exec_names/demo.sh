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

# run FILE: makes and executes a script. The demo needs only the name in execve().
run()
{
	mkdir -p "${1%/*}"
	echo '#!/bin/true' > "$1"
	chmod +x "$1"
	"$1"
}

programs()
{
	/bin/ls /
	/bin/uname
	run /tmp/Grüße
	run /tmp/名前
	run "/tmp/$(printf 'not utf-8 \377\376')"
	run "/tmp/$(printf 'escape \033[31mred')"
	folder=/tmp
	for i in 1 2 3 4 5 6 7 8; do
		folder=$folder/a-folder-in-a-folder-in-a-folder-$i
	done
	run $folder/deep
	run /tmp/a-name-that-is-longer-than-the-sixty-four-bytes-for-which-there-is-room
}

echo "+ ./exec_names 8"
./exec_names 8 | {
	# The loader prints the head of its table after it has attached the program.
	IFS= read -r head && echo "$head"
	programs > /dev/null
	while IFS= read -r line; do
		printf '%s\n' "$line"
	done
}
