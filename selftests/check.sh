# SPDX-License-Identifier: GPL-2.0
#
# Counts checks for tests written in shell. To be sourced.

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/harness/lib.sh"

# Tests see failures themselves.
set +e

passed=0
failed=0

# check NAME COMMAND...: runs the command, which must succeed.
check()
{
	local name=$1 output
	shift

	if output=$("$@" 2>&1); then
		echo "ok    $name"
		passed=$((passed + 1))
	else
		echo "FAIL  $name"
		printf '%s\n' "$output" | tail -n 40 | sed 's/^/      /'
		failed=$((failed + 1))
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

# The last line of a test.
summary()
{
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
