#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the virtual machine, with the clients beside it, and prints KTAP.

cd "$(dirname "$0")" || exit 1
for module in rust_bpf exec_names kfunc_test trace_test; do
	insmod $module.ko || exit 1
done
export BPFTRACE_COLOR=never

number=0
echo "KTAP version 1"
echo "1..9"

# result STATUS NAME: the result line of one test.
result()
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
	fi
}

# client NAME ARGUMENT...: runs a client that prints its checks as subtests.
client()
{
	local name="$1"
	shift

	"./client-$name" "$@"
	result "$?" "$name"
}

# says NAME TEXT COMMAND...: the command must print a line with the text, or with one
# line of it.
says()
{
	local name="$1" text="$2"
	shift 2

	"$@" > /tmp/output 2>&1
	if grep -qF "$text" /tmp/output; then
		result 0 "$name"
	else
		sed 's/^/# /' /tmp/output
		result 1 "$name"
	fi
}

client libbpf-rs .

bpftool prog loadall execve.bpf.o /sys/fs/bpf/clients pinmaps /sys/fs/bpf/clients
client aya execve.bpf.o /sys/fs/bpf/clients

# README.md lists the features that bpftrace lacks. A failure here may mean that a
# new version of bpftrace has them. The second text is that of bpftrace 0.27.
says "bpftrace: cannot call a kfunc" \
	"Unknown function: bpf_exec_name_hash
Unknown function: 'bpf_exec_name_hash'" \
	bpftrace -e 'BEGIN { print(bpf_exec_name_hash("abc", 3, 7)); exit() }'
says "bpftrace: cannot attach fentry to a plain function" \
	"Error attaching probe: fentry:exec_names:bpf_exec_name_hash
No matches for fentry exec_names:bpf_exec_name_hash" \
	bpftrace -e 'fentry:exec_names:bpf_exec_name_hash { exit() }'

# A hardware breakpoint needs no support by the compiler. The kernel does not run
# the program of the breakpoint inside another tracing program, but libbpf-rs also
# runs programs of other types.
print='printf("%r %llx\n", buf(reg("di"), reg("si")), reg("dx"))'
address=$(awk '$3 == "bpf_exec_name_hash" { print $1 }' /proc/kallsyms)
says "bpftrace: watches a kfunc" "Gr\\xc3\\xbc\\xc3\\x9fe 123456789abcdef" \
	bpftrace -c './client-libbpf-rs .' -e "watchpoint:0x$address:8:x { $print }"

# With #[traceable], bpftrace needs no address and no registers.
traces()
{
	says "bpftrace: $1" "$2" bpftrace -c './client-libbpf-rs .' -e "$3"
}

traces "fentry of a function" "1 -2 3 -4 1 6" 'fentry:trace_test:trace_test_args {
	printf("%d %d %d %d %d %d\n", args.a, args.b, args.c, args.d, args.e, args.f) }'
traces "fexit of a kfunc" "100 3 103" 'fexit:trace_test:bpf_trace_test_traced {
	printf("%d %d %d\n", args.value, args.data__sz, retval) }'
traces "kprobe with its stack" "bpf_trace_test_args" 'kprobe:trace_test_args { print(kstack(2)) }'
traces "kretprobe" "returned 7" 'kretprobe:trace_test_args { printf("returned %d\n", retval) }'
