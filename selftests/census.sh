# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The sample census beside a command whose packets and tasks are known. To be sourced
# after check.sh.

# counted EXPRESSION: whether a line of the output matches.
counted()
{
	echo "$census"
	grep -qE "^$1" <<< "$census"
}

# check_census LOAD [OPTION]...: LOAD is the command that loads the module, the options
# are those of vm.
check_census()
{
	local load=$1
	shift

	census=$(vm --put "$GUEST:/" "$@" "$load &&
		samples/census sh -c 'ping -c 3 127.0.0.1; echo > /tmp/file; ls /bin/busybox; sleep 0.2'" 2>&1)

	# Three echo requests and three replies, 84 bytes each. ping, ls and the shell end, which
	# becomes sleep.
	check "census: packets" counted 'packets  6 IPv4, 0 IPv6, 0 others; 504 bytes$'
	check "census: files" counted 'files    [0-9]+ opened, [1-9][0-9]* for writing$'
	check "census: tasks" counted 'tasks    3 ended, [0-3] within 0.1 s$'
}
