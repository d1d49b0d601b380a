// SPDX-License-Identifier: GPL-2.0
/*
 * Finds out the flags of kfuncs and the types of programs that may call them,
 * which are not in BTF: loads small programs, and reads the verifier's errors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fuzz.h"

#define ATTEMPTS	32

static char log_text[256 * 1024];

static bool log_has(const char *text)
{
	return strstr(log_text, text);
}

/* Finds the kinds of programs that may call a kfunc. */
static void learn_kinds(struct kfunc *kfunc)
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		if (!kind_exists(kind))
			continue;
		load_empty(kind, kfunc - kfuncs, log_text, sizeof(log_text));
		if (log_has("must be sleepable"))
			kfunc->flags |= FLAG_SLEEPABLE;
		else if (!log_has("is not allowed"))
			kfunc->kinds |= 1 << kind;
	}
}

static void set_refusal(struct kfunc *kfunc, const char *why)
{
	snprintf(kfunc->refusal, sizeof(kfunc->refusal), "%s", why);
}

/* Returns the line with the verifier's error, and cuts the log after this line. */
const char *refusal(char *log)
{
	char *line, *last = log, *rest = log;

	while ((line = strsep(&rest, "\n"))) {
		if (!strncmp(line, "Verification failed", 19) || !strncmp(line, "processed ", 10))
			break;
		if (*line)
			last = line;
	}
	return last;
}

/* Whether the verifier reports an unreleased reference from this instruction. */
static bool unreleased(int insn)
{
	const char *text = strstr(log_text, "alloc_insn=");

	return log_has("Unreleased reference") && text &&
	       atoi(text + strlen("alloc_insn=")) == insn;
}

static bool accepted(struct program *prog)
{
	int fd;

	if (prog->insns.overflow)
		return false;
	*log_text = 0;
	fd = load(prog, log_text, sizeof(log_text), 1);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Tries one call, and learns from the verifier's error; true if the call is valid. */
static bool learn_call(struct program *prog, struct kfunc *kfunc, enum prog_kind kind, bool rcu,
		       int attempt)
{
	bool object = kfunc->nr_params && kfunc->params[0].kind == PARAM_OBJECT;
	int k = kfunc - kfuncs;
	bool done;

	/* Test whether the kfunc releases the reference. */
	if (object && !kfunc->role) {
		kfunc->flags |= FLAG_RELEASE;
		generate_probe(prog, kind, k, rcu, -1, attempt);
		done = prog->calls[k] && accepted(prog);
		if (!done && prog->calls[k] && unreleased(prog->probed_call)) {
			kfunc->flags |= FLAG_ACQUIRE;
			done = true;
		}
		if (done)
			return true;
		kfunc->flags &= ~FLAG_RELEASE;
	}
	generate_probe(prog, kind, k, rcu, -1, attempt);
	if (!prog->calls[k]) {
		if (!*kfunc->refusal)
			set_refusal(kfunc, "no kfunc makes its arguments");
		return false;
	}
	if (accepted(prog))
		return true;
	if (unreleased(prog->probed_call)) {
		kfunc->flags |= FLAG_ACQUIRE;
		return true;
	}
	set_refusal(kfunc, refusal(log_text));
	return false;
}

/* Learns whether only a context that may sleep can call the kfunc. */
static void learn_sleepable(struct program *prog, struct kfunc *kfunc, enum prog_kind kind,
			    int attempt)
{
	if (kind != KIND_SYSCALL && kind != KIND_OPS_SLEEP)
		return;
	generate_probe(prog, kind, kfunc - kfuncs, true, -1, attempt);
	if (!accepted(prog) && log_has("is sleepable within"))
		kfunc->flags |= FLAG_SLEEPABLE;
}

static bool learn_kfunc(struct program *prog, struct kfunc *kfunc)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		enum prog_kind kind = __builtin_ctz(kfunc->kinds);

		for (int rcu = 0; rcu < 2; rcu++) {
			if (rcu && kfunc->flags & FLAG_SLEEPABLE)
				continue;
			if (!learn_call(prog, kfunc, kind, rcu, attempt))
				continue;
			if (rcu)
				kfunc->flags |= FLAG_RCU_ONLY;
			else
				learn_sleepable(prog, kfunc, kind, attempt);
			return true;
		}
	}
	return false;
}

/* Learns whether the kfunc accepts a pointer that is only valid under RCU. */
static void learn_takes_rcu(struct program *prog, struct kfunc *kfunc)
{
	enum prog_kind kind = __builtin_ctz(kfunc->kinds);
	int object = -1, source = -1;

	for (int i = 0; i < kfunc->nr_params; i++)
		if (kfunc->params[i].kind == PARAM_OBJECT)
			object = kfunc->params[i].object;
	for (int k = 0; k < nr_kfuncs; k++)
		if (kfuncs[k].known && !kfuncs[k].role && kfuncs[k].result == RESULT_OBJECT &&
		    kfuncs[k].result_object == object && !(kfuncs[k].flags & FLAG_ACQUIRE) &&
		    kfuncs[k].kinds & (1 << kind))
			source = k;
	if (object < 0 || source < 0 || kfunc->flags & FLAG_RELEASE)
		return;
	kfunc->flags |= FLAG_TAKES_RCU;
	for (int attempt = 0; attempt < 4 * ATTEMPTS; attempt++) {
		bool other = false;

		generate_probe(prog, kind, kfunc - kfuncs, true, source, attempt);
		for (int k = 0; k < nr_kfuncs; k++)
			other |= prog->calls[k] && &kfuncs[k] != kfunc && k != source &&
				 kfuncs[k].result == RESULT_OBJECT;
		if (other || !prog->calls[kfunc - kfuncs])
			continue;
		if (accepted(prog) ||
		    (kfunc->flags & FLAG_ACQUIRE && unreleased(prog->probed_call)))
			return;
	}
	kfunc->flags &= ~FLAG_TAKES_RCU;
}

static void print_kfunc(const struct kfunc *kfunc)
{
	static const char * const flags[] = { "acquire", "release", "sleepable", "rcu only",
					      "takes rcu" };

	printf("  %s:", kfunc->name);
	for (int i = 0; i < NR_KINDS; i++)
		if (kfunc->kinds & (1 << i))
			printf(" %s", way_names[i]);
	for (int i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (kfunc->flags & (1 << i))
			printf(", %s", flags[i]);
	printf("%s%s\n", kfunc->known ? "" : " -- rejected: ", kfunc->known ? "" : kfunc->refusal);
}

void learn(void)
{
	struct program *prog = malloc(sizeof(*prog));
	bool more = true;

	if (!prog)
		die("no memory");
	for (int k = 0; k < nr_kfuncs; k++) {
		learn_kinds(&kfuncs[k]);
		if (!kfuncs[k].kinds)
			set_refusal(&kfuncs[k], "no program may call it");
	}
	/* Repeat, because some kfuncs need an object that another kfunc returns. */
	while (more) {
		more = false;
		for (int k = 0; k < nr_kfuncs; k++) {
			struct kfunc *kfunc = &kfuncs[k];

			if (kfunc->known || !kfunc->kinds || kfunc->role > ITER_NEW)
				continue;
			kfunc->known = learn_kfunc(prog, kfunc);
			more |= kfunc->known;
			if (kfunc->known && kfunc->role == ITER_NEW) {
				kfuncs[kfunc->next].known = true;
				kfuncs[kfunc->destroy].known = true;
			}
		}
	}
	for (int k = 0; k < nr_kfuncs; k++) {
		if (kfuncs[k].known)
			learn_takes_rcu(prog, &kfuncs[k]);
		if (verbose)
			print_kfunc(&kfuncs[k]);
	}
	free(prog);
}
