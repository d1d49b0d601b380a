// SPDX-License-Identifier: GPL-2.0
/*
 * Reads kfuncs and their prototypes from the BTF of modules, the way the
 * verifier does (get_kfunc_arg_type() in kernel/bpf/verifier.c).
 *
 * The flags of kfuncs are not in BTF; learn.c finds them out.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "fuzz.h"

struct kfunc kfuncs[MOST_KFUNCS];
int nr_kfuncs;
struct module modules[MOST_MODULES] = { { .name = "vmlinux" } };
int nr_modules = 1;
struct object objects[MOST_OBJECTS];
int nr_objects;

static struct btf *kernel;
static struct btf *module_btf[MOST_MODULES];

/* Kfuncs of the kernel that make the objects that kfuncs of modules take. */
static const char * const kernel_kfuncs[] = {
	"bpf_task_from_pid", "bpf_task_acquire", "bpf_task_release",
};

static bool ends(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len >= suffix_len && !strcmp(name + len - suffix_len, suffix);
}

/* The type behind typedefs, const and other modifiers. */
static const struct btf_type *resolve(const struct btf *btf, __u32 id, __u32 *found)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type))) {
		id = type->type;
		type = btf__type_by_id(btf, id);
	}
	if (found)
		*found = id;
	return type;
}

static bool is_scalar(const struct btf_type *type)
{
	return btf_is_int(type) || btf_is_any_enum(type);
}

/* __btf_type_is_scalar_struct() of the verifier. */
static bool all_scalars(const struct btf *btf, const struct btf_type *type, int depth)
{
	const struct btf_member *member = btf_members(type);

	if (!btf_is_struct(type) || depth > 3)
		return false;
	for (int i = 0; i < btf_vlen(type); i++, member++) {
		const struct btf_type *t = resolve(btf, member->type, NULL);

		if (btf_is_struct(t)) {
			if (!all_scalars(btf, t, depth + 1))
				return false;
			continue;
		}
		if (btf_is_array(t)) {
			if (!btf_array(t)->nelems)
				return false;
			t = resolve(btf, btf_array(t)->type, NULL);
		}
		if (!is_scalar(t))
			return false;
	}
	return true;
}

static int object_of(const struct btf *btf, const struct btf_type *type, int module)
{
	const char *name = btf__name_by_offset(btf, type->name_off);
	const struct btf_member *member = btf_members(type);
	struct object *object;

	for (int i = 0; i < nr_objects; i++)
		if (!strcmp(objects[i].name, name))
			return i;
	if (nr_objects == MOST_OBJECTS)
		die("too many types of objects");
	object = &objects[nr_objects];
	snprintf(object->name, sizeof(object->name), "%s", name);
	object->module = module;
	object->size = type->size;
	object->kptr_map = -1;
	for (int i = 0; i < btf_vlen(type) && object->nr_fields < MOST_FIELDS; i++, member++) {
		const struct btf_type *t = resolve(btf, member->type, NULL);

		if (!btf_is_int(t) || btf_kflag(type))
			continue;
		object->fields[object->nr_fields].at = member->offset / 8;
		object->fields[object->nr_fields++].size = t->size;
	}
	return nr_objects++;
}

/* The role of an iterator's kfunc is in its name. */
static enum iter_role role_of(const char *name)
{
	if (strncmp(name, "bpf_iter_", 9))
		return ITER_NONE;
	if (ends(name, "_new"))
		return ITER_NEW;
	if (ends(name, "_next"))
		return ITER_NEXT;
	return ends(name, "_destroy") ? ITER_DESTROY : ITER_NONE;
}

static bool is_size(const char *name)
{
	return ends(name, "__sz") || ends(name, "__szk");
}

static void read_param(const struct btf *btf, struct kfunc *kfunc, struct param *param,
		       const char *name, const char *next, __u32 type_id)
{
	const struct btf_type *type = resolve(btf, type_id, NULL), *target;
	bool first = param == kfunc->params;
	const char *target_name;
	__u32 id;

	param->nullable = ends(name, "__nullable");
	if (ends(name, "__ign")) {
		param->kind = PARAM_IGNORED;
		return;
	}
	if (!btf_is_ptr(type)) {
		if (ends(name, "__k") || !strcmp(name, "rdonly_buf_size"))
			param->kind = PARAM_CONST;
		else if (is_size(name))
			param->kind = PARAM_MEM_SIZE;
		else
			param->kind = PARAM_SCALAR;
		return;
	}
	target = resolve(btf, type->type, &id);
	target_name = btf__name_by_offset(btf, target->name_off);
	if (btf_is_struct(target) && !strcmp(target_name, "bpf_dynptr")) {
		param->kind = PARAM_DYNPTR;
	} else if (kfunc->role && first) {
		param->kind = PARAM_ITER;
		param->size = target->size;
	} else if (ends(name, "__str")) {
		param->kind = PARAM_STRING;
	} else if (ends(name, "__map")) {
		param->kind = PARAM_MAP;
	} else if (strstr(name, "__arena")) {
		param->kind = PARAM_ARENA;
	} else if (next && is_size(next)) {
		param->kind = PARAM_MEM;
	} else if (btf_is_struct(target) && !all_scalars(btf, target, 0)) {
		param->kind = PARAM_OBJECT;
		param->object = object_of(btf, target, kfunc->module);
	} else {
		param->kind = PARAM_STRUCT;
		param->size = btf__resolve_size(btf, id);
	}
}

static void read_result(const struct btf *btf, struct kfunc *kfunc, __u32 type_id)
{
	const struct btf_type *type = resolve(btf, type_id, NULL), *target;
	__u32 id;

	if (!type_id || btf_is_void(type)) {
		kfunc->result = RESULT_VOID;
	} else if (!btf_is_ptr(type)) {
		kfunc->result = RESULT_SCALAR;
	} else {
		target = resolve(btf, type->type, &id);
		if (btf_is_struct(target)) {
			kfunc->result = RESULT_OBJECT;
			kfunc->result_object = object_of(btf, target, kfunc->module);
		} else {
			kfunc->result = RESULT_MEM;
			kfunc->result_size = btf__resolve_size(btf, id);
		}
	}
}

static void read_kfunc(const struct btf *btf, int module, __u32 id)
{
	const struct btf_type *func = btf__type_by_id(btf, id);
	const struct btf_type *proto = btf__type_by_id(btf, func->type);
	const struct btf_param *params = btf_params(proto);
	struct kfunc *kfunc = &kfuncs[nr_kfuncs];

	if (nr_kfuncs == MOST_KFUNCS)
		die("too many kfuncs");
	if (btf_vlen(proto) > MOST_PARAMS)
		die("a kfunc with too many parameters");
	nr_kfuncs++;
	kfunc->name = btf__name_by_offset(btf, func->name_off);
	kfunc->module = module;
	kfunc->btf_id = id;
	kfunc->role = role_of(kfunc->name);
	kfunc->nr_params = btf_vlen(proto);
	for (int i = 0; i < kfunc->nr_params; i++) {
		const char *next = NULL;

		if (i + 1 < kfunc->nr_params)
			next = btf__name_by_offset(btf, params[i + 1].name_off);
		read_param(btf, kfunc, &kfunc->params[i],
			   btf__name_by_offset(btf, params[i].name_off), next, params[i].type);
	}
	read_result(btf, kfunc, proto->type);
}

int kfunc_named(const char *name)
{
	for (int i = 0; i < nr_kfuncs; i++)
		if (!strcmp(kfuncs[i].name, name))
			return i;
	return -1;
}

/* Finds the kfuncs next and destroy for each new. */
static void pair_iterators(void)
{
	char name[256];

	for (int i = 0; i < nr_kfuncs; i++) {
		int stem = strlen(kfuncs[i].name) - strlen("new");

		if (kfuncs[i].role != ITER_NEW)
			continue;
		snprintf(name, sizeof(name), "%.*snext", stem, kfuncs[i].name);
		kfuncs[i].next = kfunc_named(name);
		snprintf(name, sizeof(name), "%.*sdestroy", stem, kfuncs[i].name);
		kfuncs[i].destroy = kfunc_named(name);
		if (kfuncs[i].next < 0 || kfuncs[i].destroy < 0)
			die("an iterator without next or destroy");
	}
}

/* A descriptor for a module's BTF, or -1 if it is not loaded. */
int module_btf_fd(const char *name)
{
	__u32 id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		struct bpf_btf_info info = {};
		__u32 len = sizeof(info);
		char found[64] = "";
		int fd;

		fd = bpf_btf_get_fd_by_id(id);
		if (fd < 0)
			continue;
		info.name = (unsigned long)found;
		info.name_len = sizeof(found);
		if (!bpf_btf_get_info_by_fd(fd, &info, &len) && info.kernel_btf &&
		    !strcmp(found, name))
			return fd;
		close(fd);
	}
	return -1;
}

__u32 kernel_btf_id(const char *name, __u32 kind)
{
	int id = btf__find_by_name_kind(kernel, name, kind);

	return id > 0 ? id : 0;
}

static const struct btf_member *member_named(const struct btf *btf, const struct btf_type *type,
					     const char *name)
{
	for (int i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), name))
			return &btf_members(type)[i];
	return NULL;
}

/* Finds a member of a struct_ops table that also has a member "id". */
bool find_ops_member(const char *table, const char *member, struct ops_member *found)
{
	char value_name[128];

	snprintf(value_name, sizeof(value_name), "bpf_struct_ops_%s", table);
	for (int i = 1; i < nr_modules; i++) {
		const struct btf *btf = module_btf[i];
		int id = btf__find_by_name_kind(btf, table, BTF_KIND_STRUCT);
		int value = btf__find_by_name_kind(btf, value_name, BTF_KIND_STRUCT);
		const struct btf_member *id_member, *data, *func;
		const struct btf_type *type, *value_type;

		if (id <= 0 || value <= 0)
			continue;
		type = btf__type_by_id(btf, id);
		value_type = btf__type_by_id(btf, value);
		id_member = member_named(btf, type, "id");
		func = member_named(btf, type, member);
		data = member_named(btf, value_type, "data");
		if (!id_member || !func || !data)
			continue;
		found->module = i;
		found->table = id;
		found->value = value;
		found->value_size = value_type->size;
		found->id_at = (data->offset + id_member->offset) / 8;
		found->member_at = (data->offset + func->offset) / 8;
		found->index = func - btf_members(type);
		return true;
	}
	return false;
}

static int module_file(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/tests/%s.ko", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void read_kfuncs(char **names, int nr)
{
	kernel = btf__load_vmlinux_btf();
	if (!kernel)
		die("the kernel's BTF");
	for (int i = 0; i < sizeof(kernel_kfuncs) / sizeof(*kernel_kfuncs); i++) {
		__u32 id = kernel_btf_id(kernel_kfuncs[i], BTF_KIND_FUNC);

		if (id)
			read_kfunc(kernel, KERNEL, id);
	}
	for (int i = 0; i < nr; i++) {
		struct module *module = &modules[nr_modules];
		struct btf *btf = btf__load_module_btf(names[i], kernel);

		if (!btf)
			die(names[i]);
		module->name = names[i];
		module->btf_fd = module_btf_fd(names[i]);
		module->file = module_file(names[i]);
		module_btf[nr_modules] = btf;
		for (__u32 id = btf__type_cnt(kernel); id < btf__type_cnt(btf); id++) {
			const struct btf_type *tag = btf__type_by_id(btf, id);

			if (btf_is_decl_tag(tag) &&
			    !strcmp(btf__name_by_offset(btf, tag->name_off), "bpf_kfunc"))
				read_kfunc(btf, nr_modules, tag->type);
		}
		nr_modules++;
	}
	pair_iterators();
}
