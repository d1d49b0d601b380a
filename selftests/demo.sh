# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Runs the demo of the sample that $sample names, for tests of what it prints. To be sourced.

. "$(dirname "${BASH_SOURCE[0]}")/check.sh"

demo=$(SAMPLE=${sample:?is a folder of samples} "$HARNESS/demo" 2>&1)
sed 's/^/# /' <<< "$demo"

# prints PATTERN: the demo prints such a line.
prints()
{
	grep -qE "^$1"$'\r?$' <<< "$demo"
}

# logs PATTERN: the kernel's log has one such line.
logs()
{
	grep -cE "$1" "$BUILD/demo.log" | grep -qx 1
}
