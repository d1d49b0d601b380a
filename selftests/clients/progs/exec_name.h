/* SPDX-License-Identifier: GPL-2.0 */
/* The record of the BPF programs. The clients know its layout, see checks.rs. */
#ifndef _EXEC_NAME_H
#define _EXEC_NAME_H

#define PATH_SIZE 64
#define NAME_SIZE 16
#define KEY 0x0123456789abcdefULL

struct exec_name {
	char path[PATH_SIZE];
	char name[NAME_SIZE];
	__s64 len;		/* of the name, or a negative errno */
	__s64 hash;
};

/* Calls kfuncs with the path of a record to fill in the other fields. */
static __always_inline void exec_name_parse(struct exec_name *exec)
{
	exec->hash = 0;
	exec->len = bpf_exec_name_base(exec->path, sizeof(exec->path),
				       exec->name, sizeof(exec->name));
	if (exec->len >= 0 && exec->len <= NAME_SIZE)
		exec->hash = bpf_exec_name_hash(exec->name, exec->len, KEY);
}

#endif /* _EXEC_NAME_H */
