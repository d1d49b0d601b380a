// SPDX-License-Identifier: GPL-2.0

//! Describes the types of a struct_ops, above all pointers to functions, and compares the added
//! types and the messages with the types that the kernel's `bpf_struct_ops_desc_init()` expects.

// Helper functions without `#[test]` fail by a panic, too.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

// Each test crate uses only a part of `common`.
#[allow(dead_code)]
mod common;

use common::{
    module,
    with_type,
    Bench,
    Btf,
    ET_EXEC, //
};

const REQUEST: &str = "struct bpf_request 8 { len 0 u32 }";
const OPS: &str = "struct rate_ops 24 { admit 0 *fn(request *struct bpf_request, now u64) u32, \
                   closed 8 *fn(request__nullable *struct bpf_request) void, id 16 u32 }";
const VALUE: &str = "struct bpf_struct_ops_rate_ops 128 { common 0 struct \
                     bpf_struct_ops_common_value, data 64 struct rate_ops }";
const ADMIT: &str = "func rate_ops__admit(request *struct bpf_request, now u64) u32";
const CLOSED: &str = "func rate_ops__closed(request__nullable *struct bpf_request) void";
const ALL: [&str; 5] = [REQUEST, OPS, VALUE, ADMIT, CLOSED];

/// The BTF of the kernel in these tests. Ids 1 to 12.
fn kernel() -> Btf {
    let mut btf = Btf::new(None);
    let int = btf.int("int", 4); // 1
    let unsigned = btf.int("unsigned int", 4); // 2
    let u32 = btf.typedef("u32", unsigned); // 3
    let long = btf.int("long unsigned int", 8); // 4
    btf.typedef("u64", long); // 5
    let state = btf.small_enum("bpf_struct_ops_state", 4, &[("INIT", 0), ("READY", 3)]); // 6
    btf.structure("bpf_struct_ops_common_value", 8); // 7
    btf.member("refcnt", int, 0, 0);
    btf.member("state", state, 32, 0);
    btf.func("vfs_thing", &[("x", u32)], int); // 8, 9
    btf.declared_struct("secret"); // 10
    btf.typedef("secret_t", 10); // 11
    btf.typedef("nothing_t", 0); // 12
    btf
}

/// A module whose C part is empty. Id 13.
fn own() -> Btf {
    let mut btf = Btf::new(Some(kernel()));
    btf.structure("module", 64);
    btf
}

/// A module whose C part has a struct of functions, as compilers describe it. Ids 13 to 24.
fn own_with_ops() -> Btf {
    let mut btf = own();
    btf.structure("bpf_request", 8); // 14
    btf.member("len", 3, 0, 0);
    let request = btf.ptr(14); // 15
    let admit = btf.proto(&[("", request), ("", 5)], 3); // 16
    let admit = btf.ptr(admit); // 17
    let closed = btf.proto(&[("", request)], 0); // 18
    let closed = btf.ptr(closed); // 19
    btf.structure("rate_ops", 24); // 20
    btf.member("admit", admit, 0, 0);
    btf.member("closed", closed, 64, 0);
    btf.member("id", 3, 128, 0);
    btf.func("bpf_helper", &[("callback", closed)], 0); // 21, 22
    btf.func("rate_ops__there", &[("request__ref", request)], 0); // 23, 24
    btf
}

fn bench(own: &Btf, descriptions: &[&str]) -> Bench {
    Bench::new(&module(descriptions), &own.data(), Some(&kernel().data()))
}

/// The types that the tool adds to a module. A second run has to add nothing.
fn added(own: &Btf, descriptions: &[&str]) -> Vec<String> {
    let bench = bench(own, descriptions);
    let first = bench.run();
    assert_eq!(first.code, 0, "{}", first.stderr);
    let second = bench.run();
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.btf == first.btf);
    new_lines(own, &first.btf)
}

fn new_lines(own: &Btf, btf: &[u8]) -> Vec<String> {
    let old = own.dump();
    let mut new = Btf::parse(btf, Some(kernel())).unwrap().dump();
    assert_eq!(new[..old.len()], old);
    new.split_off(old.len())
}

/// Runs the tool with wrong descriptions, and checks the error message.
fn rejected(own: &Btf, descriptions: &[&str], message: &str) {
    let outcome = bench(own, descriptions).run();
    assert_eq!(outcome.code, 1, "no error: {message}");
    let wanted = format!("rust-btf: x.ko: {message}");
    assert!(
        outcome.stderr.starts_with(&wanted),
        "'{wanted}' is not in '{}'",
        outcome.stderr
    );
}

/// The names of an async callback's arguments are in a stub, and not in the type of the kfunc's
/// parameter, as C has it. The types of both must have one id.
#[test]
fn the_stub_of_an_async_callback_has_the_names() {
    assert_eq!(
        added(
            &own(),
            &[
                REQUEST,
                "kfunc bpf_later(n u32, cb__s_async *fn(a__ref *struct bpf_request, b u64) u32, \
                 done__async *fn() void, other *fn(x u32) void) void",
            ]
        ),
        [
            "14 struct bpf_request size 8 (len bit 0 type 3)",
            "15 ptr 14",
            "16 proto ( 15,  5) 3",
            "17 ptr 16",
            "18 proto () 0",
            "19 ptr 18",
            "20 proto (x 3) 0",
            "21 ptr 20",
            "22 proto (n 3, cb__s_async 17, done__async 19, other 21) 0",
            "23 func bpf_later 22 linkage 0",
            "24 proto (a__ref 15, b 5) 3",
            "25 func bpf_later__cb 24 linkage 0",
            "26 func bpf_later__done 18 linkage 0",
        ]
    );
}

/// The kernel compares the types of a stub's parameters with those of the member by their ids.
/// Therefore equal types and equal prototypes must have one id.
#[test]
fn struct_ops_types_and_stubs_share_type_ids() {
    assert_eq!(
        added(&own(), &ALL),
        [
            "14 struct bpf_request size 8 (len bit 0 type 3)",
            "15 struct bpf_struct_ops_rate_ops size 128 (common bit 0 type 7, data bit 512 type 16)",
            "16 struct rate_ops size 24 (admit bit 0 type 19, closed bit 64 type 21, id bit 128 \
             type 3)",
            "17 ptr 14",
            "18 proto (request 17, now 5) 3",
            "19 ptr 18",
            "20 proto (request__nullable 17) 0",
            "21 ptr 20",
            "22 func rate_ops__admit 18 linkage 0",
            "23 func rate_ops__closed 20 linkage 0",
        ]
    );
    // The parameter names of a stub add properties; the types still equal those of the member.
    assert_eq!(
        added(
            &own(),
            &[
                REQUEST,
                "struct ops 8 { put 0 *fn(*struct bpf_request, u64) void }",
                "func ops__put(request__ref *struct bpf_request, now u64) void",
            ]
        )[2..],
        [
            "16 ptr 14",
            "17 proto ( 16,  5) 0",
            "18 ptr 17",
            "19 proto (request__ref 16, now 5) 0",
            "20 func ops__put 19 linkage 0",
        ]
    );
}

#[test]
fn order_of_descriptions_in_the_object_does_not_matter() {
    let first = bench(&own(), &ALL).run();
    let mut descriptions = ALL;
    for _ in 0..ALL.len() {
        descriptions.rotate_left(1);
        assert!(bench(&own(), &descriptions).run().btf == first.btf);
    }
    descriptions.reverse();
    assert!(bench(&own(), &descriptions).run().btf == first.btf);
}

#[test]
fn descriptions_of_a_kernel_image_are_added() {
    let vmlinux = with_type(module(&ALL), ET_EXEC);
    let outcome = Bench::new(&vmlinux, &kernel().data(), None).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let dump = Btf::parse(&outcome.btf, None).unwrap().dump();
    assert_eq!(
        dump[13],
        "14 struct bpf_struct_ops_rate_ops size 128 (common bit 0 type 7, data bit 512 type 15)"
    );
}

#[test]
fn added_types_are_valid_c() {
    let nameless = "struct bare_ops 8 { admit 0 *fn(*struct bpf_request, u64) u32 }";
    let outcome = bench(&own(), &[&ALL[..], &[nameless]].concat()).run();
    let c = Btf::parse(&outcome.btf, Some(kernel())).unwrap().to_c();
    for declaration in [
        "struct rate_ops {\n\
         \tu32 (*admit)(struct bpf_request *request, u64 now);\n\
         \tvoid (*closed)(struct bpf_request *request__nullable);\n\
         \tu32 id;\n\
         };\n",
        "struct bare_ops {\n\
         \tu32 (*admit)(struct bpf_request *, u64);\n\
         };\n",
        "struct bpf_struct_ops_rate_ops {\n\
         \tstruct bpf_struct_ops_common_value common;\n",
        "\tstruct rate_ops data;\n",
    ] {
        assert!(c.contains(declaration), "no '{declaration}' in:\n{c}");
    }
}

/// The kernel compares the type id of the first member with the id of its own type.
#[test]
fn value_has_the_type_of_the_kernel() {
    let member = "common bit 0 type 7, data";
    assert!(added(&own(), &ALL)[1].contains(member));
    for size in [8, 4] {
        let mut own = own();
        own.structure("bpf_struct_ops_common_value", size);
        assert!(added(&own, &ALL)[1].contains(member));
    }
    rejected(
        &own(),
        &["struct bpf_struct_ops_common_value 8 { refcnt 0 int, state 4 u32 }"],
        "struct bpf_struct_ops_common_value: described with 'state 4 u32' where vmlinux has 'state \
         4 enum bpf_struct_ops_state'; rename your type, or use the kernel's type",
    );
    rejected(
        &own(),
        &[REQUEST, OPS, &VALUE.replace("data 64", "data 4")],
        "struct bpf_struct_ops_rate_ops: member 2 (data): starts at byte 4, but the member \
         before it, 'common 0 struct bpf_struct_ops_common_value', ends at byte 8; is",
    );
    rejected(
        &own(),
        &[REQUEST, OPS, &VALUE.replace("128", "80")],
        "struct bpf_struct_ops_rate_ops: member 2 (data): 'struct rate_ops' ends at byte 88, but",
    );
    // A kernel without struct_ops.
    let elf = module(&ALL);
    let mut base = Btf::new(None);
    let int = base.int("unsigned int", 4);
    base.typedef("u32", int);
    base.typedef("u64", int);
    let btf = Btf::new(Some(Btf::parse(&base.data(), None).unwrap()));
    let outcome = Bench::new(&elf, &btf.data(), Some(&base.data())).run();
    assert!(
        outcome.stderr.contains(
            "struct bpf_struct_ops_rate_ops: member 1 (common): no 'struct \
             bpf_struct_ops_common_value' in the BTF of x.ko or of vmlinux; check the name"
        ),
        "{}",
        outcome.stderr
    );
}

#[test]
fn functions_may_take_and_return_functions() {
    assert_eq!(
        added(
            &own(),
            &[
                "struct bpf_x 32 { a 0 [2]*fn(set *fn(u32) void, *fn() *fn(u32) void) void, \
                 self 16 const *fn(x *struct bpf_x, by_value struct bpf_x) struct bpf_x }",
                "kfunc bpf_each(fn *fn(u32) void) *fn(u32) void",
            ]
        ),
        [
            "14 struct bpf_x size 32 (a bit 0 type 21, self bit 128 type 25)",
            "15 proto ( 3) 0",
            "16 ptr 15",
            "17 proto () 16",
            "18 ptr 17",
            "19 proto (set 16,  18) 0",
            "20 ptr 19",
            "21 array 20 len 2 index 2",
            "22 ptr 14",
            "23 proto (x 22, by_value 14) 14",
            "24 ptr 23",
            "25 const 24",
            "26 proto (fn 16) 16",
            "27 func bpf_each 26 linkage 0",
        ]
    );
}

/// Names of parameters are no part of a type: either side may lack them.
#[test]
fn equal_types_of_the_btf_are_reused() {
    let bare = "struct rate_ops 24 { admit 0 *fn(*struct bpf_request, u64) u32, \
                closed 8 *fn(*struct bpf_request) void, id 16 u32 }";
    let there = [
        "kfunc bpf_helper(callback *fn(a *struct bpf_request) void) void",
        "func rate_ops__there(request__ref *struct bpf_request) void",
        REQUEST,
    ];
    for ops in [OPS, bare] {
        let descriptions = [&[ops][..], &there].concat();
        assert_eq!(added(&own_with_ops(), &descriptions), [""; 0]);
    }
    // The added types refer to the types that the BTF already has.
    assert_eq!(
        added(&own_with_ops(), &ALL),
        [
            "25 struct bpf_struct_ops_rate_ops size 128 (common bit 0 type 7, data bit 512 type 20)",
            "26 ptr 14",
            "27 proto (request 26, now 5) 3",
            "28 func rate_ops__admit 27 linkage 0",
            "29 proto (request__nullable 26) 0",
            "30 func rate_ops__closed 29 linkage 0",
        ]
    );
    // Of two equal descriptions, the tool takes the same one each time.
    let first = added(&own(), &[REQUEST, OPS, bare]);
    assert_eq!(first, added(&own(), &[bare, OPS, REQUEST]));
    assert!(
        first.contains(&"17 proto ( 16,  5) 3".to_string()),
        "{first:?}"
    );
}

#[test]
fn different_types_are_rejected() {
    let own = own_with_ops();
    for (theirs, ours) in [
        (
            "admit 0 *fn(*struct bpf_request, u64) u32",
            "admit 0 *fn(*const struct bpf_request, u64) u32",
        ),
        (
            "admit 0 *fn(*struct bpf_request, u64) u32",
            "admit 0 *fn(*struct bpf_request) u32",
        ),
        (
            "admit 0 *fn(*struct bpf_request, u64) u32",
            "admit 0 *fn(*struct bpf_request, u64) void",
        ),
        (
            "closed 8 *fn(*struct bpf_request) void",
            "closed 8 *fn(*fn(*struct bpf_request) void) void",
        ),
        (
            "closed 8 *fn(*struct bpf_request) void",
            "closed 8 *struct bpf_request",
        ),
    ] {
        let bare = OPS
            .replace("request__nullable ", "")
            .replace("request *", "*")
            .replace("now ", "");
        assert!(bare.contains(theirs), "{bare}");
        rejected(
            &own,
            &[REQUEST, &bare.replace(theirs, ours)],
            &format!(
                "struct rate_ops: described with '{ours}' where the BTF of x.ko has '{theirs}'; \
                 make the two equal, or rename one of them"
            ),
        );
    }
    rejected(
        &own,
        &[&OPS.replace("now u64", "now u32")],
        "struct rate_ops: described with 'admit 0 *fn(*struct bpf_request, u32) u32' where the BTF \
         of x.ko has 'admit 0 *fn(*struct bpf_request, u64) u32'",
    );
    rejected(
        &own,
        &[REQUEST, OPS, &OPS.replace("now u64", "now u32")],
        "struct rate_ops: described twice, as",
    );
    rejected(
        &own,
        &["kfunc bpf_helper(callback *fn(a u32) void) void"],
        "kfunc bpf_helper: described as 'kfunc bpf_helper(callback *fn(u32) void) void', but the BTF \
         of x.ko has it as 'kfunc bpf_helper(callback *fn(*struct bpf_request) void) void'; make",
    );
    rejected(
        &own,
        &["func rate_ops__there(request__nullable *struct bpf_request) void"],
        "func rate_ops__there: described as 'func rate_ops__there(request__nullable *struct \
         bpf_request) void', but the BTF of x.ko has it as 'func rate_ops__there(request__ref \
         *struct bpf_request) void'; make the two prototypes equal",
    );
}

#[test]
fn messages_show_functions_without_description() {
    let mut btf = own();
    let more = btf.proto(&[("", 3), ("", 0)], 0); // 14
    let more = btf.ptr(more); // 15
    let many = btf.proto(&[("", 3); 13], 1); // 16
    let many = btf.ptr(many); // 17
    let declared = btf.ptr(10); // 18
    let declared = btf.proto(&[("", declared)], 0); // 19
    let declared = btf.ptr(declared); // 20
    btf.structure("no_pointer", 8); // 21
    btf.member("a", 14, 0, 0);
    // A function that takes and returns pointers to itself.
    let circle = btf.proto(&[("", 23), ("", 23)], 23); // 22
    btf.ptr(circle); // 23
    for (i, ty) in [more, many, declared, 23].into_iter().enumerate() {
        btf.structure(&format!("strange_{i}"), 8);
        btf.member("a", ty, 0, 0);
    }
    for (name, ty) in [
        ("strange_0", "*fn(u32, ...) void".to_string()),
        (
            "strange_1",
            format!("*fn({}, ...) int", ["u32"; 12].join(", ")),
        ),
        ("strange_2", "*fn(*(declared only) secret) void".to_string()),
        ("no_pointer", "fn(u32, ...) void".to_string()),
    ] {
        rejected(
            &btf,
            &[&format!("struct {name} 8 {{ a 0 *fn(u32) void }}")],
            &format!(
                "struct {name}: described with 'a 0 *fn(u32) void' where the BTF of x.ko has 'a 0 \
                 {ty}'; make"
            ),
        );
    }
    let inner = "*fn(*(type 22), *(type 22)) *(type 22)";
    let inner = format!("*fn({inner}, {inner}) {inner}");
    rejected(
        &btf,
        &["struct strange_3 8 { a 0 *fn() void }"],
        &format!(
            "struct strange_3: described with 'a 0 *fn() void' where the BTF of x.ko has 'a 0 \
             *fn({inner}, {inner}) {inner}'; make"
        ),
    );
}

/// The kernel rejects a prototype with a type that has no size.
#[test]
fn prototypes_with_types_without_size_are_errors() {
    for (types, why) in [
        (
            "(a u32, b secret_t) void",
            "parameter 2 (b): the BTF has no size for 'secret_t'; use a pointer to it",
        ),
        (
            "(a nothing_t) void",
            "parameter 1 (a): the BTF has no size for 'nothing_t'; use",
        ),
        (
            "() secret_t",
            "return type: the BTF has no size for 'secret_t'; use a pointer to it",
        ),
        (
            "(a *struct foo) void",
            "parameter 1 (a): no 'struct foo' in the BTF of x.ko or of vmlinux; check",
        ),
        (
            "() *[2]secret_t",
            "return type: the BTF has no size for 'secret_t', so an array of it is impossible",
        ),
    ] {
        let fn_type = format!("*fn{types}");
        for (description, place) in [
            (format!("kfunc f{types}"), "kfunc f: "),
            (format!("func f{types}"), "func f: "),
            (
                format!("kfunc f(x {fn_type}) void"),
                "kfunc f: parameter 1 (x): ",
            ),
            (
                format!("func f() *fn({fn_type}) void"),
                "func f: return type: parameter 1: ",
            ),
            (
                format!("struct x 8 {{ m 0 {fn_type} }}"),
                "struct x: member 1 (m): ",
            ),
            (
                format!("union x 8 {{ m 0 *fn() {fn_type} }}"),
                "union x: member 1 (m): return type: ",
            ),
        ] {
            rejected(&own(), &[&description], &format!("{place}{why}"));
        }
    }
    rejected(
        &own(),
        &["struct x 8 { a 0 *fn(u32) void, b 4 u32 }"],
        "struct x: member 2 (b): starts at byte 4, but the member before it, 'a 0 *fn(u32) void', \
         ends at byte 8; is",
    );
}

#[test]
fn functions_of_the_same_name_are_errors() {
    for same_or_not in ["(x u32) int", "() void"] {
        rejected(
            &own(),
            &[&format!("func vfs_thing{same_or_not}")],
            "func vfs_thing: vmlinux already has a function of that name, and the kernel looks \
             there first and would use its own function; rename your function",
        );
    }
    rejected(
        &own(),
        &["kfunc bpf_x() void", "func bpf_x() void"],
        "kfunc bpf_x: described twice, as 'kfunc bpf_x() void' and as 'func bpf_x() void'; rename",
    );
    rejected(
        &own(),
        &["func bpf_x() void", "func bpf_x() void"],
        "func bpf_x: described twice",
    );
}

#[test]
fn malformed_descriptions_are_errors() {
    // The parser has its own tests; this tests how the tool reports its errors.
    rejected(
        &own(),
        &["struct x 8 { a 0 fn(u32) void }"],
        "description 'struct x 8 { a 0 fn(u32) void }': column 18: a function type needs a pointer \
         right before it; write '*fn('; descriptions come from the macros of the bpf crate",
    );
}
