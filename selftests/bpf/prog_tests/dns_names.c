// SPDX-License-Identifier: GPL-2.0
/*
 * Packets through samples/dns_names, which must be loaded: as an skb in one
 * piece, as one whose question lies in a fragment, and under XDP.
 */
#include <test_progs.h>
#include "dns_names.skel.h"

#define ETHERNET 14
#define QUESTION "\0\0\1\0\0\1\0\0\0\0\0\0\3www\6kernel\3org\0\0\1\0\1"

static void expect(struct dns_names *skel, struct bpf_program *prog, void *packet, int len,
		   int at, int want, const char *what)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	opts.data_in = packet;
	opts.data_size_in = len;
	skel->bss->at = at;
	skel->bss->result = -1000;
	memset(skel->bss->name, 0, sizeof(skel->bss->name));
	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), what))
		return;
	if (ASSERT_EQ(skel->bss->result, want, what) && want > 0)
		ASSERT_STREQ(skel->bss->name, "www.kernel.org", what);
}

static void packets(void)
{
	static char packet[9000];
	struct dns_names *skel;
	int at;

	skel = dns_names__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	bpf_program__set_autoload(skel->progs.not_made, false);
	bpf_program__set_autoload(skel->progs.discarded, false);
	bpf_program__set_autoload(skel->progs.memory_for_dynptr, false);
	if (!ASSERT_OK(dns_names__load(skel), "load"))
		goto out;

	memcpy(packet + ETHERNET, QUESTION, sizeof(QUESTION));
	expect(skel, skel->progs.from_skb, packet, 128, ETHERNET, 14, "skb");
	expect(skel, skel->progs.from_xdp, packet, 128, ETHERNET, 14, "xdp");
	expect(skel, skel->progs.from_skb, packet, ETHERNET + 20, ETHERNET, -E2BIG, "skb, cut off");
	expect(skel, skel->progs.from_xdp, packet, ETHERNET + 20, ETHERNET, -E2BIG, "xdp, cut off");

	/* test_run puts what does not fit into the first page into fragments. */
	memset(packet, 0, sizeof(packet));
	at = 7000;
	memcpy(packet + at, QUESTION, sizeof(QUESTION));
	expect(skel, skel->progs.from_skb, packet, sizeof(packet), at, 14, "skb in pieces");
out:
	dns_names__destroy(skel);
}

void test_dns_names(void)
{
	RUN_TESTS(dns_names);
	if (test__start_subtest("packets"))
		packets();
}
