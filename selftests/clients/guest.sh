#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine, with the clients beside it. Each check is a line
# that starts with "ok" or "FAIL".

cd "$(dirname "$0")" || exit 1
for module in rust_bpf exec_names kfunc_test; do
	insmod $module.ko || exit 1
done
export BPFTRACE_COLOR=never

# client NAME ARGUMENT...: one that prints its checks itself, and returns 1 if it
# said which failed.
client()
{
	local name=$1 rc=0
	shift

	"./client-$name" "$@" || rc=$?
	[ "$rc" -le 1 ] || echo "FAIL  $name: exit code $rc"
}

# says CHECK TEXT COMMAND...: the command prints a line with the text.
says()
{
	local check=$1 text=$2
	shift 2

	"$@" > /tmp/output 2>&1
	if grep -qF "$text" /tmp/output; then
		echo "ok    $check"
	else
		echo "FAIL  $check"
		sed 's/^/      /' /tmp/output
	fi
}

client libbpf-rs .

bpftool prog loadall execve.bpf.o /sys/fs/bpf/clients pinmaps /sys/fs/bpf/clients
client aya execve.bpf.o /sys/fs/bpf/clients

# What bpftrace cannot do. When one of these fails, it may have learned to: see
# README.md.
says "bpftrace: cannot call a kfunc" "Unknown function: bpf_exec_name_hash" \
	bpftrace -e 'BEGIN { print(bpf_exec_name_hash("abc", 3, 7)); exit() }'
says "bpftrace: cannot attach fentry" \
	"Error attaching probe: fentry:exec_names:bpf_exec_name_hash" \
	bpftrace -e 'fentry:exec_names:bpf_exec_name_hash { exit() }'

# A breakpoint of the CPU needs no help from the compiler. The kernel does not
# run its program within another one that traces, but libbpf-rs also runs
# programs that do not.
print='printf("%r %llx\n", buf(reg("di"), reg("si")), reg("dx"))'
address=$(awk '$3 == "bpf_exec_name_hash" { print $1 }' /proc/kallsyms)
says "bpftrace: watches a kfunc" "Gr\\xc3\\xbc\\xc3\\x9fe 123456789abcdef" \
	bpftrace -c './client-libbpf-rs .' -e "watchpoint:0x$address:8:x { $print }"
