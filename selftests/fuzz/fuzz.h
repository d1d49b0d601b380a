/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A generator of BPF programs that call kfuncs. fuzz.c has the command line;
 * kfuncs.c reads the kfuncs from BTF; learn.c finds out their flags; gen.c and
 * args.c make programs; run.c runs them.
 */
#ifndef __FUZZ_H
#define __FUZZ_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/types.h>

#define MOST_KFUNCS	1024
#define MOST_MODULES	64
#define MOST_OBJECTS	32
#define MOST_PARAMS	12
#define MOST_INSNS	4096

/* The kinds of arguments, read from the BTF of a kfunc. */
enum param_kind {
	PARAM_SCALAR,
	PARAM_CONST,		/* the verifier must know the value */
	PARAM_IGNORED,
	PARAM_MEM,		/* the next parameter is the size */
	PARAM_MEM_SIZE,
	PARAM_STRUCT,		/* memory of a fixed size */
	PARAM_STRING,
	PARAM_OBJECT,
	PARAM_DYNPTR,
	PARAM_ITER,
	PARAM_MAP,
	PARAM_ARENA,
};

struct param {
	enum param_kind kind;
	bool nullable;
	__u32 size;		/* of memory with a fixed size, or of the iterator */
	int object;		/* index of the type */
};

enum result_kind {
	RESULT_VOID,
	RESULT_SCALAR,
	RESULT_OBJECT,
	RESULT_MEM,		/* a pointer to scalars */
};

enum iter_role {
	ITER_NONE,
	ITER_NEW,
	ITER_NEXT,
	ITER_DESTROY,
};

/* How a program is loaded and run. */
enum prog_kind {
	KIND_SYSCALL,
	KIND_RAW_TP,
	KIND_FENTRY,
	KIND_XDP,
	KIND_TC,
	KIND_OPS,		/* struct_ops, must not sleep */
	KIND_OPS_SLEEP,
	NR_KINDS,
};

/* The ways in which code of a program ran: the kinds, and these. */
enum way {
	WAY_TIMER = NR_KINDS,
	WAY_WORK_QUEUE,
	WAY_NMI,
	NR_WAYS,
};

extern const char * const way_names[NR_WAYS];

/* The flags of kfuncs, which are not in BTF. */
#define FLAG_ACQUIRE	0x01
#define FLAG_RELEASE	0x02
#define FLAG_SLEEPABLE	0x04
#define FLAG_RCU_ONLY	0x08	/* must be called under RCU */
#define FLAG_TAKES_RCU	0x10	/* takes pointers that RCU protects */

struct kfunc {
	const char *name;
	int module;		/* index in modules; 0 is the kernel */
	__u32 btf_id;
	int nr_params;
	struct param params[MOST_PARAMS];
	enum result_kind result;
	__u32 result_size;
	int result_object;
	enum iter_role role;
	int next, destroy;	/* for new of an iterator: the indexes of these */
	__u32 kinds;		/* mask of enum prog_kind */
	__u32 flags;
	bool known;		/* the verifier accepted a program that calls it */
	char refusal[256];	/* why the verifier rejected the last program */
	/* The numbers of programs that call it. */
	unsigned long accepted, refused;
};

struct module {
	const char *name;
	int btf_fd;
	int file;		/* the .ko file, to load it again, or -1 */
};

#define MOST_FIELDS	16

/* A type of objects to which programs hold pointers. */
struct object {
	char name[64];
	int module;
	__u32 size;
	int kptr_map;		/* map whose values hold a reference, or -1 */
	int nr_fields;		/* scalars that programs can read */
	struct {
		__u32 at, size;
	} fields[MOST_FIELDS];
};

struct insns {
	struct bpf_insn code[MOST_INSNS];
	int len;
	bool overflow;
};

/* A program. It depends only on the seed and its number. */
struct program {
	__u64 number;
	enum prog_kind kind;
	struct insns insns;
	__u32 choice;		/* selects how to run it */
	bool reads_beyond;	/* has a load beyond the end of the object in BTF */
	int probed_call;	/* instruction of the call that learn.c tests */
	int callback;		/* first instruction of the callback, or 0 */
	bool calls[MOST_KFUNCS];
};

struct maps {
	int marks;		/* one byte per kfunc and way: 1 if it was used */
	int memory;
	int strings;
	int scratch;
	int ringbuf;
	int arena;
	int timers;
};

#define WAY_MARK(way)	(MOST_KFUNCS + (way))
/* The mark of a load beyond the end of the object in BTF. */
#define BEYOND_MARK	(MOST_KFUNCS + NR_WAYS)
#define NR_MARKS	(BEYOND_MARK + 1)
#define MEMORY_SIZE	(64 * 1024)
#define STRING_AT(n)	((n) * 512)
#define NR_STRINGS	4
#define SCRATCH_SIZE	64
#define TIMER_AT	0
#define WQ_AT		16
#define KERNEL		0

extern struct kfunc kfuncs[MOST_KFUNCS];
extern int nr_kfuncs;
extern struct module modules[MOST_MODULES];
extern int nr_modules;
extern struct object objects[MOST_OBJECTS];
extern int nr_objects;
extern struct maps maps;
extern volatile __u8 *marks;
extern bool verbose;
extern __u64 seed;

/* kfuncs.c */
void read_kfuncs(char **names, int nr);
int kfunc_named(const char *name);
int module_btf_fd(const char *name);
__u32 kernel_btf_id(const char *name, __u32 kind);

/* A member of a table of struct_ops. */
struct ops_member {
	int module;
	__u32 table;		/* type of the table */
	__u32 value;		/* type of the value of its map */
	__u32 value_size;
	__u32 id_at, member_at;	/* in the value */
	int index;
};

bool find_ops_member(const char *table, const char *member, struct ops_member *found);

/* maps.c */
void make_maps(void);
void close_maps(void);

/* learn.c */
void learn(void);
const char *refusal(char *log);

/* insns.c: random numbers and single instructions. */
struct rng {
	__u64 state;
};

__u64 rng_next(struct rng *rng);

static inline __u32 below(struct rng *rng, __u32 n)
{
	return rng_next(rng) % n;
}

static inline bool one_in(struct rng *rng, __u32 n)
{
	return below(rng, n) == 0;
}

#define NR_SLOTS	8

/* A place on the program's stack for a pointer to an object, or for NULL. */
struct slot {
	bool used;
	bool held;		/* a reference that must be released */
	bool rcu;		/* valid under RCU */
	bool untrusted;		/* the program can only read the object */
	int object;
	int block;		/* the block that releases it at its end */
};

/* The generator's knowledge of the program's state. */
struct gen {
	struct rng rng;
	struct program *prog;
	struct slot slots[NR_SLOTS];
	int block;
	int rcu, preempt;	/* nesting of these critical sections */
	int calls_left;
	int iters;		/* size of all live iterators */
	int new_iter;		/* stack offset of the next iterator */
	bool sleepable;		/* whether the program or callback may sleep */
	bool has_context;
	bool careless;		/* sometimes breaks rules of the verifier */
	bool probe;		/* made for learn.c */
	int callback;		/* instruction that loads the callback, or -1 */
	bool callback_sleeps;
};

/* The stack of a program, as offsets from its frame pointer. */
#define SLOT_AT(i)	(-8 * ((i) + 1))
#define ITERS_AT	SLOT_AT(NR_SLOTS - 1)	/* iterators grow down from here */
#define ITERS_SIZE	256
#define DYNPTR_AT	(ITERS_AT - ITERS_SIZE - 16)
#define KEY_AT		(DYNPTR_AT - 8)
#define LENT_AT		(KEY_AT - 8)	/* pointer to a map value or a packet */
#define SCALAR_AT	(LENT_AT - 8)	/* a scalar unknown to the verifier */
#define START_AT	(SCALAR_AT - 8)	/* the start time of the program */
#define BUFFER_SIZE	128
#define BUFFER_AT	(START_AT - BUFFER_SIZE)

void put(struct gen *g, struct bpf_insn insn);
void put_imm64(struct gen *g, int reg, __u64 value);
void put_map(struct gen *g, int reg, int fd);
void put_map_value(struct gen *g, int reg, int fd, __u32 offset);
void put_kfunc(struct gen *g, int kfunc);
void put_kernel_kfunc(struct gen *g, const char *name);
void put_stack_address(struct gen *g, int reg, int offset);
int put_lookup(struct gen *g, int map, __u32 key);
int put_jump(struct gen *g, int op, int reg, __s32 imm);
void land(struct gen *g, int jump);
int here(struct gen *g);

/* Jumps over a call, taken if an argument is NULL. */
struct skips {
	int jumps[32];
	int nr;
};

void land_all(struct gen *g, const struct skips *skips);

/* args.c: calls of kfuncs, with their arguments. */
bool gen_call(struct gen *g, int kfunc);
bool gen_open_call(struct gen *g, int kfunc, struct skips *skips);
int new_slot(struct gen *g, int object);
bool in_rcu(struct gen *g);
bool callable(struct gen *g, int kfunc);
__u64 edge(struct gen *g);
void put_mark(struct gen *g, int mark);

/* gen.c: programs. */
int wanted(__u64 number);
void generate(struct program *prog, __u64 number);
void generate_probe(struct program *prog, enum prog_kind kind, int kfunc, bool rcu, int source,
		    int attempt);
void gen_release(struct gen *g, int slot);

/* run.c */
bool waits_for_nmi(const struct program *prog);
int load(struct program *prog, char *log, size_t log_size, int level);
void run(struct program *prog, int fd);
bool load_empty(enum prog_kind kind, int kfunc, char *log, size_t log_size);
bool kind_exists(enum prog_kind kind);
void run_ends(void);
int call(int kfunc, const __u64 *args, __u32 *result);

/* trouble.c */
void start_trouble(void);
void stop_trouble(void);
bool send_sysrq(char key);
void send_nmis(void);
extern unsigned long nr_nmis, nr_reloads, nr_unload_attempts;

/* leaks.c */
void check_leaks(void);

void die(const char *what);

#endif
