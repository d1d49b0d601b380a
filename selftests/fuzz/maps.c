// SPDX-License-Identifier: GPL-2.0
/*
 * Maps that programs use: memory, strings, references to objects, timers.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "fuzz.h"

#define ARENA_PAGES	16

struct maps maps;
volatile __u8 *marks;

static int make(enum bpf_map_type type, const char *name, __u32 key, __u32 value, __u32 entries,
		__u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	int fd = bpf_map_create(type, name, key, value, entries, &opts);

	if (fd < 0)
		die(name);
	return fd;
}

/*
 * Makes a map with BTF: the key is an int, the value is the last type. The kernel
 * rejects a map with references to a type that has no destructor.
 */
static int make_with_btf(enum bpf_map_type type, const char *name, struct btf *btf, __u32 value,
			 __u32 entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int key = btf__find_by_name_kind(btf, "int", BTF_KIND_INT);
	int fd;

	if (btf__load_into_kernel(btf))
		return -1;
	opts.btf_fd = btf__fd(btf);
	opts.btf_key_type_id = key;
	opts.btf_value_type_id = btf__type_cnt(btf) - 1;
	fd = bpf_map_create(type, name, sizeof(int), value, entries, &opts);
	btf__free(btf);
	return fd;
}

static struct btf *new_btf(void)
{
	struct btf *btf = btf__new_empty();

	if (!btf || btf__add_int(btf, "int", 4, BTF_INT_SIGNED) < 0)
		die("BTF of a map");
	return btf;
}

/* struct kept { struct OBJECT __kptr *object; } */
static int make_kptr_map(const char *object)
{
	struct btf *btf = new_btf();
	int id;

	id = btf__add_struct(btf, object, 1);
	id = btf__add_type_tag(btf, "kptr", id);
	id = btf__add_ptr(btf, id);
	btf__add_struct(btf, "kept", sizeof(__u64));
	btf__add_field(btf, "object", id, 0, 0);
	return make_with_btf(BPF_MAP_TYPE_HASH, "kept", btf, sizeof(__u64), 4);
}

/* struct timed { struct bpf_timer timer; struct bpf_wq wq; } */
static int make_timer_map(void)
{
	struct btf *btf = new_btf();
	int array, timer, u64, wq;

	u64 = btf__add_int(btf, "long", 8, 0);
	array = btf__add_array(btf, 1, u64, 2);
	timer = btf__add_struct(btf, "bpf_timer", 16);
	btf__add_field(btf, "__opaque", array, 0, 0);
	wq = btf__add_struct(btf, "bpf_wq", 16);
	btf__add_field(btf, "__opaque", array, 0, 0);
	btf__add_struct(btf, "timed", 32);
	btf__add_field(btf, "timer", timer, TIMER_AT * 8, 0);
	btf__add_field(btf, "wq", wq, WQ_AT * 8, 0);
	return make_with_btf(BPF_MAP_TYPE_ARRAY, "timed", btf, 32, 4);
}

/* A read-only map: programs can read the strings, and the verifier knows them. */
static void make_strings(void)
{
	static const char strange[] = "\xff\xfe%s%n\n\x01";
	char text[STRING_AT(NR_STRINGS)] = "";
	int zero = 0;

	memcpy(text + STRING_AT(1), "word", sizeof("word"));
	memcpy(text + STRING_AT(2), strange, sizeof(strange));
	memset(text + STRING_AT(3), 'x', STRING_AT(1) - 1);
	maps.strings = make(BPF_MAP_TYPE_ARRAY, "strings", sizeof(int), sizeof(text), 1,
			    BPF_F_RDONLY_PROG);
	if (bpf_map_update_elem(maps.strings, &zero, text, 0) || bpf_map_freeze(maps.strings))
		die("strings");
}

/* An arena whose first two pages exist. */
static void make_arena(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages;

	maps.arena = make(BPF_MAP_TYPE_ARENA, "arena", 0, 0, ARENA_PAGES, BPF_F_MMAPABLE);
	pages = mmap(NULL, ARENA_PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED, maps.arena, 0);
	if (pages == MAP_FAILED)
		die("arena");
	pages[0] = 1;
	pages[page] = 1;
}

void make_maps(void)
{
	maps.marks = make(BPF_MAP_TYPE_ARRAY, "marks", sizeof(int), NR_MARKS, 1,
			  BPF_F_MMAPABLE);
	marks = mmap(NULL, NR_MARKS, PROT_READ | PROT_WRITE, MAP_SHARED, maps.marks, 0);
	if (marks == MAP_FAILED)
		die("marks");
	maps.memory = make(BPF_MAP_TYPE_ARRAY, "memory", sizeof(int), MEMORY_SIZE, 1, 0);
	maps.scratch = make(BPF_MAP_TYPE_HASH, "scratch", sizeof(int), SCRATCH_SIZE, 4, 0);
	maps.ringbuf = make(BPF_MAP_TYPE_RINGBUF, "ringbuf", 0, 0, 64 * 1024, 0);
	make_arena();
	make_strings();
	maps.timers = make_timer_map();
	for (int i = 0; i < nr_objects; i++)
		objects[i].kptr_map = make_kptr_map(objects[i].name);
}

void close_maps(void)
{
	munmap((void *)marks, NR_MARKS);
	for (int i = 0; i < nr_objects; i++)
		if (objects[i].kptr_map >= 0)
			close(objects[i].kptr_map);
	close(maps.marks);
	close(maps.memory);
	close(maps.scratch);
	close(maps.ringbuf);
	close(maps.arena);
	close(maps.strings);
	close(maps.timers);
}
