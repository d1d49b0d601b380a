# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Tests written in shell: each check is one KTAP test, the kernel's format for
# test results (Documentation/dev-tools/ktap.rst of the kernel). To be sourced.

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/harness/lib.sh"

# A check that fails must not end the script.
set +e

passed=0
failed=0
echo "KTAP version 1"

# check NAME COMMAND...: runs the command, which must succeed.
check()
{
	local name=$1 output
	shift

	if output=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) $name"
	else
		failed=$((failed + 1))
		printf '%s\n' "$output" | tail -n 40 | sed 's/^/# /'
		echo "not ok $((passed + failed)) $name"
	fi
}

# says TEXT... -- COMMAND...: the command must fail and print all the texts.
says()
{
	local texts=() output rc=0

	while [ "$1" != -- ]; do
		texts+=("$1")
		shift
	done
	shift
	output=$("$@" 2>&1) || rc=$?
	printf '%s\n' "$output"
	[ "$rc" -ne 0 ] || { echo "It did not fail."; return 1; }
	for text in "${texts[@]}"; do
		case $output in
		*"$text"*) ;;
		*)
			echo "It did not say: $text"
			return 1
			;;
		esac
	done
}

# The last line of a test; the script's exit status.
summary()
{
	echo "# Totals: pass:$passed fail:$failed xfail:0 xpass:0 skip:0 error:0"
	[ "$failed" -eq 0 ]
}
