// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz [-s SEED] [-t SECONDS] [-f FIRST] [-n NUMBER] [-v] MODULE...: makes BPF
 * programs that call the kfuncs of these modules, and runs those that the
 * verifier accepts, on two CPUs at once.
 *
 * A program depends on the seed and its number only. The number is in the name
 * of the thread, which the kernel prints when something goes wrong ("Comm:
 * fuzz 1234"); -n makes that program, prints the verifier's log, and runs it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <bpf/libbpf.h>
#include "fuzz.h"

#define NR_WORKERS	2
#define LOG_SIZE	(4 * 1024 * 1024)
/* Seconds. */
#define PROGRESS	5
#define HANG		30
/* The longest time of a run, as a multiple of the requested time. */
#define MORE		5

static const char usage[] =
	"usage: fuzz [-s SEED] [-t SECONDS] [-f FIRST] [-n NUMBER] [-v] MODULE...\n";

bool verbose;
__u64 seed;

static unsigned long next_number, nr_accepted, nr_refused;
static __u64 beyond;		/* number of a program that reads beyond an object */
static volatile bool stopped;
static volatile bool extra_time;	/* the requested time is over */
static __u64 running[NR_WORKERS];

void die(const char *what)
{
	perror(what);
	exit(2);
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void count(const struct program *prog, bool accepted)
{
	__atomic_fetch_add(accepted ? &nr_accepted : &nr_refused, 1, __ATOMIC_RELAXED);
	for (int k = 0; k < nr_kfuncs; k++)
		if (prog->calls[k])
			__atomic_fetch_add(accepted ? &kfuncs[k].accepted : &kfuncs[k].refused, 1,
					   __ATOMIC_RELAXED);
}

/* Prints the end of the verifier's log, to help improve the generator. */
static void print_refusal(struct program *prog, char *log)
{
	*log = 0;
	if (load(prog, log, LOG_SIZE, 1) < 0)
		printf("rejected %llu: %s\n", prog->number, refusal(log));
}

/* Whether this kfunc can be called and has not been called yet. */
static bool is_lost(int k)
{
	return kfuncs[k].known && kfuncs[k].module != KERNEL && !marks[k];
}

static bool any_is_lost(void)
{
	for (int k = 0; k < nr_kfuncs; k++)
		if (is_lost(k))
			return true;
	return false;
}

/* In the extra time, only the numbers of programs that call a lost kfunc. */
static __u64 new_number(void)
{
	__u64 number;

	do
		number = __atomic_fetch_add(&next_number, 1, __ATOMIC_RELAXED);
	while (extra_time && !is_lost(wanted(number)) && any_is_lost());
	return number;
}

static void *work(void *arg)
{
	struct program *prog = malloc(sizeof(*prog));
	char *log = verbose ? malloc(LOG_SIZE) : NULL;
	char name[16];

	if (!prog || (verbose && !log))
		die("no memory");
	while (!stopped) {
		__u64 number = new_number();
		int fd;

		running[(long)arg] = number;
		snprintf(name, sizeof(name), "fuzz %llu", number);
		prctl(PR_SET_NAME, name);
		generate(prog, number);
		if (prog->insns.overflow)
			continue;
		fd = load(prog, NULL, 0, 0);
		count(prog, fd >= 0);
		if (fd < 0) {
			if (verbose)
				print_refusal(prog, log);
			continue;
		}
		run(prog, fd);
		if (prog->reads_beyond && marks[BEYOND_MARK])
			__atomic_store_n(&beyond, number, __ATOMIC_RELAXED);
		close(fd);
	}
	run_ends();
	free(log);
	free(prog);
	return arg;
}

/* Prints where each CPU and task is, and exits. */
static void die_of_hang(void)
{
	printf("hang: no program has ended for %d seconds; these run:", HANG);
	for (int i = 0; i < NR_WORKERS; i++)
		printf(" %llu", running[i]);
	printf("\n");
	fflush(stdout);
	klogctl(8, NULL, 8);
	send_sysrq('w');
	send_sysrq('l');
	_exit(3);
}

/* Runs for this time; on a slow machine longer, until every kfunc was called. */
static void run_for(int seconds)
{
	time_t start = now(), moved = start;
	pthread_t workers[NR_WORKERS];
	__u64 before = -1ULL;

	for (long i = 0; i < NR_WORKERS; i++)
		if (pthread_create(&workers[i], NULL, work, (void *)i))
			die("a thread");
	start_trouble();
	while (now() - start < seconds || (any_is_lost() && now() - start < MORE * seconds)) {
		sleep(1);
		extra_time = now() - start >= seconds;
		if (next_number != before)
			moved = now();
		before = next_number;
		if (now() - moved >= HANG)
			die_of_hang();
		if ((now() - start) % PROGRESS)
			continue;
		printf("%4ld s: %lu programs, %lu accepted, %lu rejected, ", now() - start,
		       nr_accepted + nr_refused, nr_accepted, nr_refused);
		printf("%lu NMIs, %lu of %lu unloads\n", nr_nmis, nr_reloads, nr_unload_attempts);
		fflush(stdout);
	}
	stopped = true;
	for (int i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i], NULL);
	stop_trouble();
}

/* Makes and runs one program again. */
static void replay(__u64 number)
{
	struct program *prog = malloc(sizeof(*prog));
	char *log = malloc(LOG_SIZE);
	int fd;

	if (!prog || !log)
		die("no memory");
	generate(prog, number);
	*log = 0;
	fd = load(prog, log, LOG_SIZE, 2);
	printf("program %llu, %d instructions:\n%s%s\n", number, prog->insns.len, log,
	       fd < 0 ? "rejected" : "accepted");
	fflush(stdout);
	if (fd >= 0)
		run(prog, fd);
	run_ends();
}

/* Prints a table of the kfuncs; returns the number of kfuncs never called. */
static int summary(void)
{
	int lost = 0;

	printf("%-40s %9s %9s  %s\n", "kfunc", "accepted", "rejected", "called");
	for (int k = 0; k < nr_kfuncs; k++) {
		const struct kfunc *kfunc = &kfuncs[k];
		bool called = marks[k];

		if (kfunc->module == KERNEL)
			continue;
		printf("%-40s %9lu %9lu  %s\n", kfunc->name, kfunc->accepted, kfunc->refused,
		       called ? "yes" : "NO");
		if (called)
			continue;
		lost++;
		printf("lost: %s%s%s\n", kfunc->name, *kfunc->refusal ? ": " : "", kfunc->refusal);
	}
	printf("programs ran as:");
	for (int i = 0; i < NR_WAYS; i++)
		if (marks[WAY_MARK(i)])
			printf(" %s", way_names[i]);
	printf("\n");
	return lost;
}

int main(int argc, char **argv)
{
	int option, seconds = 20, lost;
	long number = -1;

	seed = time(NULL);
	while ((option = getopt(argc, argv, "s:t:f:n:v")) >= 0) {
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = atoi(optarg);
			break;
		case 'f':
			next_number = atol(optarg);
			break;
		case 'n':
			number = atol(optarg);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	printf("seed %llu\n", seed);
	libbpf_set_print(NULL);
	read_kfuncs(argv + optind, argc - optind);
	make_maps();
	printf("%d kfuncs of %d modules\n", nr_kfuncs, nr_modules - 1);
	fflush(stdout);
	learn();
	printf("the flags are known\n");
	fflush(stdout);
	if (number >= 0) {
		replay(number);
		return 0;
	}
	run_for(seconds);
	lost = summary();
	if (beyond)
		printf("program %llu reads beyond an object\n", beyond);
	else
		printf("no program reads beyond an object\n");
	if (!lost)
		printf("every kfunc was called\n");
	close_maps();
	check_leaks();
	return 0;
}
