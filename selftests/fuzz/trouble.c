// SPDX-License-Identifier: GPL-2.0
/*
 * Disturbs running programs: adds and deletes values of maps, unloads modules and
 * loads them again, and sends NMIs to the CPUs.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <bpf/bpf.h>
#include "fuzz.h"

#define PAUSE_US	10000
/* The number of pauses between two NMIs. */
#define NMI_EVERY	37
#define UNLOAD_EVERY	11

unsigned long nr_nmis, nr_reloads, nr_unload_attempts;

static pthread_t thread;
static volatile bool stopped;

bool send_sysrq(char key)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, &key, 1) == 1;
	close(fd);
	return done;
}

/*
 * Makes all CPUs print a backtrace in an NMI; guest.sh keeps it off the console. If
 * another thread does so now, that is enough: sysrq raises the console's log level
 * for its own line, and two at once leave the level raised.
 */
void send_nmis(void)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

	if (pthread_mutex_trylock(&one))
		return;
	nr_nmis += send_sysrq('l');
	pthread_mutex_unlock(&one);
}

static void change_map(struct rng *rng, int map)
{
	__u8 value[SCRATCH_SIZE] = {};
	int key = below(rng, 4);

	if (one_in(rng, 3))
		bpf_map_delete_elem(map, &key);
	else
		bpf_map_update_elem(map, &key, value, 0);
}

/* Reloads a module, which succeeds if no program, map or other module uses it. */
static void reload(struct module *module)
{
	int fd, old = module->btf_fd;

	if (module->file < 0)
		return;
	nr_unload_attempts++;
	if (syscall(SYS_delete_module, module->name, O_NONBLOCK))
		return;
	/* The unload may end a little later, while a program still runs. */
	while (syscall(SYS_finit_module, module->file, "", 0))
		if (errno != EEXIST && errno != EBUSY)
			die(module->name);
	fd = module_btf_fd(module->name);
	if (fd < 0)
		die(module->name);
	__atomic_store_n(&module->btf_fd, fd, __ATOMIC_RELAXED);
	close(old);
	nr_reloads++;
}

static void *make_trouble(void *arg)
{
	struct rng rng = { seed };

	for (unsigned long i = 1; !stopped; i++) {
		int object = below(&rng, nr_objects ?: 1);

		usleep(PAUSE_US);
		change_map(&rng, maps.scratch);
		change_map(&rng, maps.timers);
		if (nr_objects && objects[object].kptr_map >= 0)
			change_map(&rng, objects[object].kptr_map);
		if (i % NMI_EVERY == 0)
			send_nmis();
		if (i % UNLOAD_EVERY == 0 && nr_modules > 1)
			reload(&modules[1 + below(&rng, nr_modules - 1)]);
	}
	return arg;
}

void start_trouble(void)
{
	if (pthread_create(&thread, NULL, make_trouble, NULL))
		die("a thread");
}

void stop_trouble(void)
{
	stopped = true;
	pthread_join(thread, NULL);
}
