// SPDX-License-Identifier: GPL-2.0
/*
 * Output to a BPF ring buffer. The kernel does not export the functions of ring
 * buffers. It exports the function by which the verifier finds helpers.
 */

#include <linux/bpf.h>

#include "helpers.h"

/* The helper bpf_ringbuf_output(), after a program has asked for it. */
static const struct bpf_func_proto *output;

/*
 * Returns whether a map is a ring buffer, and the program may write to it. May be called
 * in any context.
 */
bool rust_bpf_helper_is_ring_buf(const struct bpf_map *map, const struct bpf_prog_aux *aux)
{
	const struct bpf_func_proto *proto;

	if (map->map_type != BPF_MAP_TYPE_RINGBUF)
		return false;
	proto = bpf_base_func_proto(BPF_FUNC_ringbuf_output, aux->prog);
	if (proto)
		/* The same one for all programs, and never freed. */
		WRITE_ONCE(output, proto);
	return proto;
}

/* Acquires a reference to a map, unless the last one was released. */
bool rust_bpf_helper_get_map(struct bpf_map *map)
{
	return atomic64_inc_not_zero(&map->refcnt);
}

/*
 * Appends a record to a map of which rust_bpf_helper_is_ring_buf() has returned true.
 * Returns 0, or -EAGAIN if the buffer has no room. May be called in any context.
 */
int rust_bpf_helper_ring_buf_push(struct bpf_map *map, const void *data, u32 size)
{
	return READ_ONCE(output)->func((unsigned long)map, (unsigned long)data, size, 0, 0);
}
