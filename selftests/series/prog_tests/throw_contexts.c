// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions in tasks, softirqs, interrupts and NMIs at the same time, on all CPUs, in
 * programs that run in each other, and in programs that sleep. Expects ops_test.ko to be
 * loaded.
 */
#include <test_progs.h>
#include <sched.h>
#include "testing_helpers.h"
#include "throw_contexts.skel.h"

#define SECONDS 3

static const char *const where[] = { "task", "softirq", "interrupt", "NMI", "fentry", "member",
				     "asleep", "loop" };

static bool stop;
/* The program "asleep" reads it. */
static char user_memory[4096];

/* Runs a program again and again, on one CPU after the other. */
static void *run(void *arg)
{
	struct bpf_program *prog = arg;
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN), i;

	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);
		cpu_set_t cpu;

		if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
			return (void *)(long)-errno;
		if (opts.retval != 1)
			return (void *)(long)opts.retval;
		if (i % 64)
			continue;
		CPU_ZERO(&cpu);
		CPU_SET(i / 64 % ncpus, &cpu);
		sched_setaffinity(0, sizeof(cpu), &cpu);
	}
	return NULL;
}

/* Sends NMIs to the other CPUs, which only send_nmi.ko for x86 does. */
static void send_nmis(void)
{
#ifdef __x86_64__
	int fd = open("/sys/module/send_nmi/parameters/others", O_WRONLY);

	if (!ASSERT_GE(fd, 0, "open send_nmi"))
		return;
	ASSERT_GT(dprintf(fd, "%d", 20), 0, "send NMIs");
	close(fd);
#endif
}

/*
 * Each report that is in a stream is complete: its lines follow each other, and are those
 * of one throw. Streams have limited room, so some reports are lost.
 */
static int count_reports(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_prog_stream_read_opts, opts);
	static char text[256 * 1024];
	long long context, cookie, inverse;
	int len = 0, read, count = 0;
	char *line;

	while ((read = bpf_prog_stream_read(bpf_program__fd(prog), BPF_STREAM_STDERR, text + len,
					    sizeof(text) - 1 - len, &opts)) > 0)
		len += read;
	ASSERT_EQ(read, 0, "stream_read");
	text[len] = 0;
	for (line = strstr(text, "ERROR:"); line; line = strstr(line + 1, "ERROR:")) {
		const char *values = strchr(line, '\n');

		if (!values || sscanf(values, "\nValues: %lld (0x%*x), %lld (0x%*x), %lld ",
				      &context, &cookie, &inverse) != 3 ||
		    inverse != ~cookie || (cookie & 255) != context) {
			ASSERT_STREQ(line, "a complete report", "report");
			break;
		}
		count++;
	}
	return count;
}

static long exceptions_in_fdinfo(int fd)
{
	char path[64], line[128];
	long count = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	if (!ASSERT_OK_PTR(f, "fdinfo"))
		return -1;
	while (fgets(line, sizeof(line), f))
		sscanf(line, "exceptions:\t%ld", &count);
	fclose(f);
	return count;
}

void serial_test_throw_contexts(void)
{
	struct throw_contexts *skel;
	pthread_t threads[4];
	int i, started = 0;
	time_t end;
	void *ret;

	skel = throw_contexts__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
#ifndef __x86_64__
	/* Only x86 has the tracepoint. */
	bpf_program__set_autoload(skel->progs.nmi, false);
#else
	if (!ASSERT_OK(load_module("/tests/send_nmi.ko", false), "load send_nmi"))
		goto out;
#endif
	if (!ASSERT_OK(throw_contexts__load(skel), "load"))
		goto out;
	skel->bss->address = (long)user_memory;
	if (!ASSERT_OK(throw_contexts__attach(skel), "attach"))
		goto out;

	stop = false;
	struct bpf_program *progs[] = { skel->progs.task, skel->progs.asleep, skel->progs.loop,
					skel->progs.task };

	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		if (!ASSERT_OK(pthread_create(&threads[i], NULL, run, progs[i]), "create"))
			break;
		started++;
	}
	for (end = time(NULL) + SECONDS; time(NULL) < end; usleep(10000))
		send_nmis();
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < started; i++) {
		pthread_join(threads[i], &ret);
		ASSERT_OK((long)ret, "thread");
	}
	throw_contexts__detach(skel);
	kern_sync_rcu();

	struct bpf_program *by_context[] = { skel->progs.task, skel->progs.softirq, skel->progs.irq,
					     skel->progs.nmi, skel->progs.inner, skel->progs.add,
					     skel->progs.asleep, skel->progs.loop };

	for (i = 0; i < ARRAY_SIZE(where); i++) {
		if (!bpf_program__autoload(by_context[i]))
			continue;
		printf("%s: %llu thrown, %d reports read\n", where[i], skel->bss->thrown[i],
		       count_reports(by_context[i]));
		ASSERT_GT(skel->bss->thrown[i], 0, where[i]);
		ASSERT_EQ(skel->bss->seen[i], skel->bss->thrown[i], where[i]);
		ASSERT_EQ(skel->bss->wrong[i], 0, where[i]);
		ASSERT_EQ(exceptions_in_fdinfo(bpf_program__fd(by_context[i])),
			  skel->bss->thrown[i], where[i]);
	}
out:
	throw_contexts__destroy(skel);
#ifdef __x86_64__
	unload_module("send_nmi", false);
#endif
}
