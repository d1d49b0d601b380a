// SPDX-License-Identifier: GPL-2.0
/*
 * Parses packets with samples/dns_names: a linear skb, an skb whose question is
 * in a fragment, and an XDP packet. Expects dns_names.ko to be loaded.
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
	bpf_program__set_autoload(skel->progs.uninitialized_dynptr, false);
	bpf_program__set_autoload(skel->progs.discarded_dynptr, false);
	bpf_program__set_autoload(skel->progs.memory_for_dynptr, false);
	if (!ASSERT_OK(dns_names__load(skel), "load"))
		goto out;

	memcpy(packet + ETHERNET, QUESTION, sizeof(QUESTION));
	expect(skel, skel->progs.from_skb, packet, 128, ETHERNET, 14, "skb");
	expect(skel, skel->progs.from_xdp, packet, 128, ETHERNET, 14, "xdp");
	expect(skel, skel->progs.from_skb, packet, ETHERNET + 20, ETHERNET, -E2BIG, "short skb");
	expect(skel, skel->progs.from_xdp, packet, ETHERNET + 20, ETHERNET, -E2BIG, "short xdp");

	/* test_run puts data that does not fit into the first page into fragments. */
	memset(packet, 0, sizeof(packet));
	at = 7000;
	memcpy(packet + at, QUESTION, sizeof(QUESTION));
	expect(skel, skel->progs.from_skb, packet, sizeof(packet), at, 14, "skb fragments");
out:
	dns_names__destroy(skel);
}

void test_dns_names(void)
{
	RUN_TESTS(dns_names);
	if (test__start_subtest("packets"))
		packets();
}
