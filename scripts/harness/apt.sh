# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions that fetch packages of one Debian release with this machine's apt; the
# machine may run another release. The mirror, proxy, authentication and
# certificates come from the machine's own configuration; lists and downloads lie
# in the cache. To be sourced.

APT=$CACHE/apt
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# Prints the mirrors of this machine, the most likely first. Before the first
# "apt-get update", apt knows only the address of an archive, not its origin.
mirrors()
{
	if [ -n "${DEBIAN_MIRROR:-}" ]; then
		echo "$DEBIAN_MIRROR"
		return
	fi
	apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) $(REPO_URI)' |
		awk '$1 == "Packages" {
			uri = $NF
			rank = $2 == "Debian" ? 0 : uri ~ /debian\/?$/ ? 1 : 2
			if (uri !~ /security/ && !seen[uri]++)
				print rank, uri
		}' | sort -s -n -k 1,1 | cut -d' ' -f2-
}

# private COMMAND...: an apt command on the lists in the cache.
private()
{
	local command=$1
	shift
	"$command" -q \
		-o Dir::State="$APT" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$APT/cache" \
		-o Dir::Etc::sourcelist="$APT/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 \
		-o APT::Sandbox::User=root -o APT::Update::Error-Mode=any \
		-o Acquire::Languages=none "$@"
}

# Chooses the mirror and fetches its lists.
apt_prepare()
{
	local mirror suite signed=

	command -v apt-get > /dev/null ||
		die "this machine has no apt." "A Debian-based system is needed."
	[ -r "$KEYRING" ] ||
		die "$KEYRING is missing." "It verifies packages: apt-get install debian-archive-keyring"
	signed="[signed-by=$KEYRING]"
	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
	while read -r mirror; do
		echo "trying $mirror"
		for suite in "${SUITES[@]}"; do
			printf 'deb %s %s %s main\n' "$signed" "$mirror" "$suite"
		done > "$APT/sources.list"
		# mirrors() and this loop share stdin: apt must not read it.
		if private apt-get update < /dev/null; then
			return 0
		fi
	done < <(mirrors)
	rm -f "$APT/sources.list"
	die "no mirror of Debian ${SUITES[*]} could be reached." \
		"Is there a network? Does 'apt-get update' work here?" \
		"Or name one: DEBIAN_MIRROR=<address> make ..."
}

# The same, as options for mmdebstrap, which does not read apt's configuration.
mmdebstrap_options()
{
	local line

	MMDEBSTRAP_OPTIONS=(--keyring="$KEYRING" --architectures=amd64)
	while read -r line; do
		MMDEBSTRAP_OPTIONS+=("--aptopt=$line")
	done < <(apt-config dump | grep -E '^Acquire::(http|https|ftp|Check-)' | grep -v '""')
	for line in netrc netrcparts; do
		eval "$(apt-config shell path "Dir::Etc::$line/f")"
		[ ! -e "${path:-}" ] || MMDEBSTRAP_OPTIONS+=("--aptopt=Dir::Etc::$line \"$path\"")
	done
}
