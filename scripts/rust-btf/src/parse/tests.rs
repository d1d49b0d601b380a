// SPDX-License-Identifier: GPL-2.0

use super::{
    lexer::{
        C_KEYWORDS,
        MAX_NAME_LEN, //
    },
    *, //
};
use proptest::{
    collection::{
        hash_map,
        vec, //
    },
    prelude::*,
    sample::select, //
};

fn parse(text: &str) -> Result<Decl> {
    description(text.as_bytes())
}

fn named(tag: Tag, name: &str) -> Core {
    Core::Named(Named {
        tag,
        name: name.to_string(),
    })
}

fn ty_of(outer: &[Outer], core: Core) -> Type {
    Type {
        outer: outer.to_vec(),
        core,
    }
}

fn param(name: &str, outer: &[Outer], core: Core) -> Param {
    Param {
        name: name.to_string(),
        ty: ty_of(outer, core),
    }
}

#[test]
fn function_descriptions_parse() {
    let text = "kfunc bpf_exec_name_hash(name *const void, name__sz u32) s64";
    let wanted = |role| {
        Decl::Function(Function {
            role,
            name: "bpf_exec_name_hash".to_string(),
            proto: Proto {
                params: vec![
                    param("name", &[Outer::Ptr, Outer::Const], Core::Void),
                    param("name__sz", &[], named(Tag::None, "u32")),
                ],
                ret: ty_of(&[], named(Tag::None, "s64")),
            },
        })
    };
    assert_eq!(parse(text), Ok(wanted(Role::Kfunc)));
    assert_eq!(
        parse(&text.replace("kfunc", "func")),
        Ok(wanted(Role::Func))
    );
}

/// The compiler chooses the order of the fields, and `__opaque` stays behind them.
#[test]
fn members_are_sorted_by_offset() {
    let declared = "struct a 16 { b 12 u32, c 0 u64, d 8 u16, e 8 u16, __opaque 16 [0]*void }";
    let ordered = "struct a 16 { c 0 u64, d 8 u16, e 8 u16, b 12 u32, __opaque 16 [0]*void }";
    assert!(parse(ordered).is_ok());
    assert_eq!(parse(declared), parse(ordered));
}

#[test]
fn struct_ops_descriptions_parse() {
    let request = || named(Tag::Struct, "bpf_request");
    let admit = Proto {
        params: vec![
            param("request", &[Outer::Ptr], request()),
            param("now", &[], named(Tag::None, "u64")),
        ],
        ret: ty_of(&[], named(Tag::None, "u32")),
    };
    let closed = Proto {
        params: vec![param("", &[Outer::Ptr], request())],
        ret: ty_of(&[], Core::Void),
    };
    let member = |name: &str, offset, ty| Member {
        name: name.to_string(),
        offset,
        ty,
    };
    let wanted = Decl::Type(Definition {
        named: Named {
            tag: Tag::Struct,
            name: "rate_ops".to_string(),
        },
        size: 24,
        body: Body::Members(vec![
            member("admit", 0, ty_of(&[Outer::Ptr], Core::Fn(admit.into()))),
            member("closed", 8, ty_of(&[Outer::Ptr], Core::Fn(closed.into()))),
            member("id", 16, ty_of(&[], named(Tag::None, "u32"))),
        ]),
    });
    let text = "struct rate_ops 24 { admit 0 *fn(request *struct bpf_request, now u64) u32, \
                closed 8 *fn(*struct bpf_request) void, id 16 u32 }";
    assert_eq!(parse(text), Ok(wanted));

    for text in [
        "struct bpf_struct_ops_rate_ops 128 { common 0 struct bpf_struct_ops_common_value, \
         data 64 struct rate_ops }",
        "func rate_ops__admit(request__nullable *struct bpf_request, now u64) u32",
    ] {
        assert_eq!(parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn types_may_contain_functions() {
    for ty in [
        "*fn() void",
        "const **const *fn() *void",
        "[2]*fn(u32) u32",
        // A parameter with a type only, with a name and a type, and `fn` as a name.
        "*fn(a, b c, struct d, int, e *int, const f, g) h",
        "*fn(fn, fn fn, fn_ u8, a fn) fn",
        "*fn(fn *fn() void, *fn() void) *fn(fn *fn) *fn",
        "*fn(*fn(*fn() void) void) *fn() *fn() void",
        "*fn(a, a, a) void",
    ] {
        for text in [
            format!("struct x 8 {{ a 0 {ty}, b 16 u8 }}"),
            format!("kfunc f(a *{ty}, fn *fn() fn) *{ty}"),
        ] {
            assert_eq!(parse(&text).unwrap().to_string(), text);
        }
    }
    let params = |count| vec!["a"; count].join(", ");
    let text = format!("union x 8 {{ a 0 *fn({}) void }}", params(MAX_PARAMS));
    assert_eq!(parse(&text).unwrap().to_string(), text);
    for (text, plain) in [
        ("kfunc fn()fn", "kfunc fn() fn"),
        ("func f( a * fn ( ) fn )fn", "func f(a *fn() fn) fn"),
        (
            "struct a 8{b 0*fn(c*d,const e,* fn (f,g*h)i)*j}",
            "struct a 8 { b 0 *fn(c *d, const e, *fn(f, g *h) i) *j }",
        ),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), plain);
    }
}

#[test]
fn bare_types_have_no_parameter_names() {
    let parsed = |ty: &str| match parse(&format!("kfunc f(a *{ty}) *{ty}")) {
        Ok(Decl::Function(function)) => function,
        other => panic!("{other:?}"),
    };
    for (ty, bare) in [
        ("void", "void"),
        ("*fn(a u8, u16, b *struct c) d", "*fn(u8, u16, *struct c) d"),
        (
            "const *fn(a *fn(b c) *fn(d e) f, g h) *fn(i j) k",
            "const *fn(*fn(c) *fn(e) f, h) *fn(j) k",
        ),
    ] {
        assert_eq!(parsed(ty).bare().to_string(), parsed(bare).to_string());
        let text = |ty| format!("union a 8 {{ b 0 *{ty}, c 0 u8 }}");
        let Ok(Decl::Type(definition)) = parse(&text(ty)) else {
            panic!("{ty}");
        };
        assert_eq!(definition.bare().to_string(), text(bare));
    }
}

#[test]
fn malformed_functions_in_types_are_errors() {
    const RIGHT_BEHIND: &str = "a function type needs a pointer right before it; write '*fn('";
    let params: Vec<_> = (0..=MAX_PARAMS).map(|i| format!("p{i} u8")).collect();
    for (ty, column, why) in [
        ("fn() void", 1, RIGHT_BEHIND),
        ("*const fn() void", 8, RIGHT_BEHIND),
        ("*[2]fn() void", 5, RIGHT_BEHIND),
        ("*fn(fn() void) void", 5, RIGHT_BEHIND),
        ("*fn(a fn() void) void", 7, RIGHT_BEHIND),
        ("*fn() fn() void", 7, RIGHT_BEHIND),
        ("*fn(", 5, "parameter name expected, found the end"),
        ("*fn(,", 5, "type expected, found ','"),
        ("*fn(u8,)", 8, "type expected, found ')'"),
        ("*fn(a", 6, "type expected, found the end"),
        ("*fn(a b c)", 9, "',' or ')' expected, found 'c'"),
        ("*fn(struct a b)", 14, "',' or ')' expected, found 'b'"),
        ("*fn(9 u8)", 5, "parameter name '9' is not a C identifier"),
        ("*fn(9)", 5, "type '9' is not a C identifier"),
        ("*fn(int a)", 5, "parameter name 'int' is a keyword of C"),
        ("*fn(*u8]", 8, "',' or ')' expected, found ']'"),
        ("*fn()", 6, "type expected, found"),
        ("*fn{", 4, "expected, found '{'"),
        (
            "*fn(void) void",
            5,
            "parameter 1: a parameter cannot be 'void'; '*void' is possible",
        ),
        (
            "*fn(u8, const void) void",
            9,
            "parameter 2: a parameter cannot be 'void'",
        ),
        (
            "*fn(a void) void",
            7,
            "parameter 1 (a): a parameter cannot be 'void'",
        ),
        (
            "*fn(u8, [2]u8) void",
            9,
            "parameter 2: a parameter cannot be an array; use a pointer to an array",
        ),
        (
            "*fn(u8, a const [2]u8) void",
            11,
            "parameter 2 (a): a parameter cannot be an array",
        ),
        (
            "*fn(a u8, u8, a u8) void",
            15,
            "parameter 3 (a) has the name of parameter 1; give it another",
        ),
        (
            "*fn() const void",
            7,
            "a return type cannot be a qualified 'void'; write 'void'",
        ),
        (
            "*fn() [2]u8",
            7,
            "a return type cannot be an array; use a pointer to an array",
        ),
        ("*fn() *[2]void", 11, "'void' has no size, so an array"),
        (
            &format!("*fn({}) void", params.join(", ")),
            91,
            "parameter 13 (p12): the kernel takes at most 12 parameters",
        ),
        (
            &format!("*fn({}) void", vec!["u8"; 13].join(",")),
            41,
            "parameter 13: the kernel takes at most 12 parameters",
        ),
        (
            &format!("*fn({}void) void", "*".repeat(17)),
            5,
            "a type with more than 16 pointers, arrays and qualifiers",
        ),
        (
            "*fn(*fn(*fn(*fn() void) void) void) void",
            14,
            "more than 3 functions inside of each other; give an inner one a name with a typedef",
        ),
        (
            "*fn() *fn(u8, a *fn() *fn() void) void",
            24,
            "more than 3 functions inside of each other",
        ),
        (
            &"*fn(".repeat(100_000),
            14,
            "more than 3 functions inside of each other",
        ),
        (
            &"*fn() ".repeat(100_000),
            20,
            "more than 3 functions inside of each other",
        ),
    ] {
        let text = format!("struct x 8 {{ a 0 {ty}");
        check_error(&text, "struct x 8 { a 0 ".len() + column, why);
        check_error(&format!("kfunc f(a {ty}"), "kfunc f(a ".len() + column, why);
        check_error(&format!("func f() {ty}"), "func f() ".len() + column, why);
    }
}

#[test]
fn type_descriptions_parse() {
    let text = "struct bpf_registry_obj 32 { id 0 u64, name 8 [16]const u8, __opaque 32 [0]u8 }";
    let member = |name: &str, offset, outer: &[Outer], ty| Member {
        name: name.to_string(),
        offset,
        ty: Type {
            outer: outer.to_vec(),
            core: named(Tag::None, ty),
        },
    };
    let wanted = Decl::Type(Definition {
        named: Named {
            tag: Tag::Struct,
            name: "bpf_registry_obj".to_string(),
        },
        size: 32,
        body: Body::Members(vec![
            member("id", 0, &[], "u64"),
            member("name", 8, &[Outer::Array(16), Outer::Const], "u8"),
            member("__opaque", 32, &[Outer::Array(0)], "u8"),
        ]),
    });
    assert_eq!(parse(text), Ok(wanted));

    let value = |name: &str, value| Enumerator {
        name: name.to_string(),
        value,
    };
    let wanted = Decl::Type(Definition {
        named: Named {
            tag: Tag::Enum,
            name: "bpf_color".to_string(),
        },
        size: 4,
        body: Body::Values {
            signed: true,
            values: vec![value("BPF_RED", 0), value("BPF_BLUE", -7)],
        },
    });
    let text = "enum bpf_color 4 signed { BPF_RED = 0, BPF_BLUE = -7 }";
    assert_eq!(parse(text), Ok(wanted));

    let wanted = Decl::Check(Check {
        named: Named {
            tag: Tag::Struct,
            name: "task_struct".to_string(),
        },
        size: 9792,
    });
    assert_eq!(parse("struct task_struct 9792"), Ok(wanted));

    let pointer = |size| {
        Decl::Pointer(Pointer {
            named: Named {
                tag: Tag::Struct,
                name: "net_device".to_string(),
            },
            size,
        })
    };
    assert_eq!(parse("pointer struct net_device"), Ok(pointer(None)));
    assert_eq!(parse("pointer struct net_device 8"), Ok(pointer(Some(8))));
}

#[test]
fn types_by_value_need_a_definition() {
    for (ty, needs) in [
        ("u8", true),
        ("[4]const struct a", true),
        ("*struct a", false),
        ("[4]*struct a", false),
        ("*const [4]struct a", true),
        ("*[4]*struct a", false),
    ] {
        let Ok(Decl::Type(definition)) = parse(&format!("struct x 8 {{ a 0 {ty} }}")) else {
            panic!("{ty}");
        };
        let Body::Members(members) = definition.body else {
            panic!("{ty}");
        };
        assert_eq!(members[0].ty.needs_definition(), needs, "{ty}");
    }
}

#[test]
fn number_of_spaces_does_not_matter() {
    for (text, plain) in [
        ("kfunc f() void", "kfunc f() void"),
        ("  kfunc   f (  )void  ", "kfunc f() void"),
        (
            "kfunc f(a*struct b,c const  *  * enum d)*union e",
            "kfunc f(a *struct b, c const **enum d) *union e",
        ),
        (
            "struct a 8{b 0[ 2 ]const*u8 ,c 4 u32}",
            "struct a 8 { b 0 [2]const *u8, c 4 u32 }",
        ),
        ("union  a  0  {  }", "union a 0 {}"),
        (
            "enum a 1 signed{A=-128,B = 127}",
            "enum a 1 signed { A = -128, B = 127 }",
        ),
        (" enum  a 4 ", "enum a 4"),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), plain);
    }
}

#[test]
fn limits_are_inclusive() {
    let params: Vec<_> = (0..MAX_PARAMS).map(|i| format!("p{i} u8")).collect();
    let name = "n".repeat(MAX_NAME_LEN);
    let stars = "*".repeat(MAX_TYPE_DEPTH);
    let text = format!("kfunc {name}({}) {stars}void", params.join(", "));
    assert_eq!(parse(&text).unwrap().to_string(), text);

    let members: Vec<_> = (0..MAX_VLEN).map(|i| format!("m{i} {i} u8")).collect();
    let text = format!("struct {name} {} {{ {} }}", u32::MAX, members.join(", "));
    assert!(parse(&text).unwrap().to_string() == text);

    for text in [
        "enum a 1 unsigned { A = 0, B = 255 }",
        "enum a 2 signed { A = -32768, B = 32767 }",
        "enum a 2 unsigned { A = 65535 }",
        "enum a 4 signed { A = -2147483648, B = 2147483647 }",
        "enum a 4 unsigned { A = 4294967295 }",
        "enum a 8 signed { A = -9223372036854775808, B = 9223372036854775807 }",
        "enum a 8 unsigned { A = 0, B = 18446744073709551615 }",
        "struct a 4294967295 { a 536870911 [4294967295]u8 }",
        "union a 4294967295",
    ] {
        assert_eq!(parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn malformed_types_are_errors() {
    let many: Vec<_> = (0..=MAX_VLEN).map(|i| format!("m{i} 0 u8")).collect();
    let many = format!("struct a 8 {{{}}}", many.join(","));
    let digits = "1".repeat(100);
    for (text, column, why) in [
        ("struct", 7, "type name expected, found the end"),
        ("struct 8", 8, "type name '8' is not a C identifier"),
        ("struct int 8", 8, "type name 'int' is a keyword of C"),
        ("struct a", 9, "size expected, found the end"),
        ("struct a {", 10, "size expected, found '{'"),
        ("struct a b", 10, "size 'b' is not a decimal number"),
        ("struct a 0x8", 10, "size '0x8' is not a decimal number"),
        ("struct a +8", 10, "size '+8' is not a decimal number"),
        ("struct a -", 10, "size '-' is not a decimal number"),
        ("struct a -1", 10, "size -1 is not in 0 to 4294967295"),
        (
            "struct a 4294967296",
            10,
            "size 4294967296 is not in 0 to 4294967295",
        ),
        (&format!("union a {digits}"), 9, "... is not in 0 to"),
        ("struct a 8 b", 12, "'{' expected, found 'b'"),
        ("struct a 8 {", 13, "member name expected, found the end"),
        ("struct a 8 {} x", 15, "the end expected, found 'x'"),
        ("struct a 8 { b", 15, "offset expected, found the end"),
        ("struct a 8 { b c", 16, "offset 'c' is not a decimal number"),
        ("struct a 8 { b 0 }", 18, "type expected, found '}'"),
        ("struct a 8 { 0 u8 }", 14, "member name '0' is not a C"),
        (
            "struct a 8 { char 0 u8 }",
            14,
            "member name 'char' is a key",
        ),
        ("struct a 8 { b 0 u8", 20, "',' or '}' expected, found the"),
        ("struct a 8 { b 0 u8, }", 22, "member name expected, found"),
        (
            "struct a 8 { b 0 u8 )",
            21,
            "',' or '}' expected, found ')'",
        ),
        (
            "struct a 8 { b 0 void }",
            18,
            "member 1 (b): a member cannot be 'void'",
        ),
        (
            "struct a 8 { b 0 [2]void }",
            21,
            "'void' has no size, so an array of it is impossible",
        ),
        (
            "struct a 8 { b 0 *[2]const void }",
            28,
            "'void' has no size",
        ),
        (
            "struct a 8 { b 0 [u8 }",
            19,
            "array length 'u8' is not a dec",
        ),
        (
            "struct a 8 { b 0 []u8 }",
            19,
            "array length expected, found",
        ),
        ("struct a 8 { b 0 [2 u8 }", 21, "']' expected, found 'u8'"),
        (
            "struct a 8 { b 0 [4294967296]u8 }",
            19,
            "array length 4294967296 is not in 0 to 4294967295",
        ),
        (
            "struct a 8 { b 536870912 u8 }",
            16,
            "member 1 (b): offset 536870912 is above the limit of BTF, 536870911",
        ),
        (
            "struct a 8 { b 0 u8, b 1 u8 }",
            22,
            "member 2 (b) has the name of member 1; give it another",
        ),
        (
            "struct a 8 { b 4 u8, c 3 [0]u8 }",
            14,
            "member 1 (b) comes after an array of length 0 (c)",
        ),
        (
            "struct a 8 { b 4 const [0]u8, c 4 u8 }",
            31,
            "member 2 (c) comes after an array of length 0 (b)",
        ),
        (
            "union a 8 { b 0 [0]u8, c 4 u8 }",
            26,
            "member 2 (c): offset 4 in a union; all members are at offset 0",
        ),
        (
            &many,
            many.rfind("m6").unwrap_or(0) + 1,
            "member 65536 (m65535): BTF allows at most 65535 of them",
        ),
        (
            "enum a 4 {",
            10,
            "'signed' or 'unsigned' expected, found '{'",
        ),
        (
            "enum a 3 signed {}",
            8,
            "an enum has 1, 2, 4 or 8 bytes, not 3",
        ),
        ("enum a 0 unsigned {}", 8, "an enum has 1, 2, 4 or 8 bytes"),
        ("enum a 4294967295 signed {}", 8, "an enum has 1, 2, 4 or 8"),
        ("enum a 4 signed", 16, "'{' expected, found the end"),
        ("enum a 4 signed { A }", 21, "'=' expected, found '}'"),
        (
            "enum a 4 signed { A = }",
            23,
            "enumerator 1 (A): value expected",
        ),
        (
            "enum a 4 signed { A = B }",
            23,
            "enumerator 1 (A): value 'B' is not a decimal number",
        ),
        (
            "enum a 4 signed { A = 1, A = 2 }",
            26,
            "enumerator 2 (A) has the name of enumerator 1",
        ),
        (
            "enum a 1 unsigned { A = 256 }",
            25,
            "enumerator 1 (A): value 256 is not in 0 to 255",
        ),
        (
            "enum a 2 unsigned { A = -1 }",
            25,
            "enumerator 1 (A): value -1 is not in 0 to 65535",
        ),
        (
            "enum a 1 signed { A = 0, B = 128 }",
            30,
            "enumerator 2 (B): value 128 is not in -128 to 127",
        ),
        (
            "enum a 4 signed { A = -2147483649 }",
            23,
            "value -2147483649 is not in -2147483648 to 2147483647",
        ),
        (
            "enum a 8 unsigned { A = 18446744073709551616 }",
            25,
            "value 18446744073709551616 is not in 0 to 18446744073709551615",
        ),
        (
            &format!("enum a 8 signed {{ A = -{digits} }}"),
            23,
            "is not in",
        ),
    ] {
        check_error(text, column, why);
    }
}

#[test]
fn malformed_functions_are_errors() {
    let long = "n".repeat(MAX_NAME_LEN + 1);
    let many: Vec<_> = (0..=MAX_PARAMS).map(|i| format!("p{i} u8")).collect();
    for (text, column, why) in [
        (
            "",
            1,
            "'kfunc', 'func', 'struct', 'union', 'enum' or 'pointer' expected, found the end",
        ),
        ("typedef foo 8", 1, "'pointer' expected, found 'typedef'"),
        ("pointer", 8, "'struct' expected, found the end"),
        ("pointer union a", 9, "'struct' expected, found 'union'"),
        ("pointer struct", 15, "type name expected, found the end"),
        ("pointer struct a b", 18, "size 'b' is not a decimal number"),
        ("pointer struct a 8 8", 20, "the end expected, found '8'"),
        ("kfunc", 6, "kfunc name expected, found the end"),
        ("kfunc (", 7, "kfunc name expected, found '('"),
        ("func", 5, "func name expected, found the end"),
        ("func int() void", 6, "func name 'int' is a keyword of C"),
        ("func f(u8) void", 10, "type expected, found ')'"),
        ("func f(*u8) void", 8, "parameter name expected, found '*'"),
        ("kfunc f", 8, "'(' expected, found the end"),
        ("kfunc f void", 9, "'(' expected, found 'void'"),
        ("kfunc f(", 9, "parameter name expected, found the end"),
        ("kfunc f(a", 10, "type expected, found the end"),
        ("kfunc f(a)", 10, "type expected, found ')'"),
        ("kfunc f(a u32", 14, "',' or ')' expected, found the end"),
        ("kfunc f(a u32 b", 15, "',' or ')' expected, found 'b'"),
        ("kfunc f(a u32,", 15, "parameter name expected"),
        ("kfunc f(a u32,)", 15, "parameter name expected, found ')'"),
        ("kfunc f(,)", 9, "parameter name expected, found ','"),
        ("kfunc f()", 10, "type expected, found the end"),
        ("kfunc f() void void", 16, "the end expected, found 'void'"),
        ("kfunc f() *", 12, "type expected, found the end"),
        ("kfunc f() struct", 17, "type name expected, found the end"),
        ("kfunc f() struct *", 18, "type name expected, found '*'"),
        (
            "kfunc f() const void",
            11,
            "a return type cannot be a qualified 'void'",
        ),
        (
            "kfunc f(a void) s32",
            11,
            "parameter 1 (a): a parameter cannot be 'void'",
        ),
        (
            "kfunc f(a [2]u8) s32",
            11,
            "parameter 1 (a): a parameter cannot be an array",
        ),
        (
            "kfunc f(a const [2]u8) s32",
            11,
            "parameter 1 (a): a parameter cannot be an array",
        ),
        ("kfunc f() [2]u8", 11, "a return type cannot be an array"),
        ("kfunc f() *[2]void", 15, "'void' has no size, so an array"),
        (
            "kfunc f(a const void) s32",
            11,
            "parameter 1 (a): a parameter cannot be 'void'",
        ),
        (
            "kfunc f(a u8, a u8) s32",
            15,
            "parameter 2 (a) has the name of parameter 1",
        ),
        (
            "kfunc 9f() void",
            7,
            "kfunc name '9f' is not a C identifier",
        ),
        (
            "kfunc f-g() void",
            7,
            "kfunc name 'f-g' is not a C identifier",
        ),
        ("kfunc f(a.b u8) void", 9, "parameter name 'a.b' is not a C"),
        ("kfunc f() u$8", 11, "type 'u$8' is not a C identifier"),
        ("kfunc int() void", 7, "kfunc name 'int' is a keyword of C"),
        (
            "kfunc f(default u8) void",
            9,
            "parameter name 'default' is a keyword",
        ),
        (
            "kfunc f() struct void",
            18,
            "type name 'void' is a keyword of C",
        ),
        ("kfunc f()\tvoid", 10, "not a printable ASCII character"),
        ("kfunc f\u{e4}() void", 8, "not a printable ASCII character"),
        (
            &format!("kfunc {long}() void"),
            7,
            "has 512 characters; the kernel takes 511",
        ),
        (&format!("kfunc f(a {long}) void"), 11, "has 512 characters"),
        (
            &format!("kfunc f(a struct {long}) void"),
            18,
            "has 512 characters",
        ),
        (
            &format!("kfunc f({}) void", many.join(",")),
            83,
            "parameter 13 (p12): the kernel takes at most 12 parameters",
        ),
        (
            &format!("kfunc f() {}void", "*".repeat(100_000)),
            11,
            "a type with more than 16 pointers, arrays and qualifiers",
        ),
    ] {
        check_error(text, column, why);
    }
}

fn check_error(text: &str, column: usize, why: &str) {
    let error = parse(text).unwrap_err();
    let text = text.get(..100).unwrap_or(text);
    let wanted = format!(": column {column}: ");
    assert!(error.contains(&wanted), "{text}: no '{wanted}' in {error}");
    assert!(error.contains(why), "{text}: no '{why}' in {error}");
    assert!(error.len() < 1000, "{error}");
}

fn identifier() -> impl Strategy<Value = String> {
    "[a-zA-Z_][a-zA-Z0-9_]{0,20}"
        .prop_filter("keyword", |name| !C_KEYWORDS.contains(&name.as_str()))
}

fn ty() -> impl Strategy<Value = Type> {
    ty_inside(0)
}

/// A type inside of `depth` functions.
fn ty_inside(depth: usize) -> BoxedStrategy<Type> {
    let core = prop_oneof![
        Just(Core::Void),
        (
            select(vec![Tag::None, Tag::Struct, Tag::Union, Tag::Enum]),
            identifier()
        )
            .prop_map(|(tag, name)| Core::Named(Named { tag, name })),
    ];
    let outer = || {
        prop_oneof![
            Just(Outer::Ptr),
            Just(Outer::Const),
            any::<u32>().prop_map(Outer::Array),
        ]
    };
    let plain = (vec(outer(), 0..=MAX_TYPE_DEPTH), core)
        .prop_map(|(outer, core)| Type { outer, core })
        .prop_filter("array of void", |ty| {
            ty.core != Core::Void || !ty.has_inner_array()
        });
    if depth == MAX_FN_DEPTH {
        return plain.boxed();
    }
    let pointer = (vec(outer(), 0..MAX_TYPE_DEPTH), proto(depth + 1)).prop_map(|(outer, proto)| {
        let outer = [outer, vec![Outer::Ptr]].concat();
        ty_of(&outer, Core::Fn(proto.into()))
    });
    prop_oneof![3 => plain, 1 => pointer].boxed()
}

/// A prototype inside of `depth` functions.
fn proto(depth: usize) -> impl Strategy<Value = Proto> {
    let param = ty_inside(depth).prop_filter("void or array", |ty| {
        !ty.is_void() && ty.array_len().is_none()
    });
    let max = if depth == 0 { MAX_PARAMS } else { 3 };
    let params = hash_map(identifier(), (param, any::<bool>()), 0..=max);
    let ret = ty_inside(depth).prop_filter("const void or array", |ty| {
        (!ty.is_void() || ty.outer.is_empty()) && ty.array_len().is_none()
    });
    (params, ret).prop_map(move |(params, ret)| {
        let param = |(name, (ty, has_name))| Param {
            name: if has_name || depth == 0 {
                name
            } else {
                String::new()
            },
            ty,
        };
        let params = params.into_iter().map(param).collect();
        Proto { params, ret }
    })
}

fn function() -> impl Strategy<Value = Decl> {
    let role = select(vec![Role::Kfunc, Role::Func]);
    (role, identifier(), proto(0))
        .prop_map(|(role, name, proto)| Decl::Function(Function { role, name, proto }))
}

fn aggregate() -> impl Strategy<Value = Decl> {
    let tag = select(vec![Tag::Struct, Tag::Union]);
    let member = (
        0..=u32::MAX / 8,
        ty().prop_filter("void or empty", |ty| {
            !ty.is_void() && ty.array_len() != Some(0)
        }),
    );
    let members = hash_map(identifier(), member, 0..8);
    (tag, identifier(), any::<u32>(), members).prop_map(|(tag, name, size, members)| {
        let member = |(name, (offset, ty))| Member {
            name,
            offset: if tag == Tag::Union { 0 } else { offset },
            ty,
        };
        let mut members: Vec<_> = members.into_iter().map(member).collect();
        members.sort_by_key(|member| member.offset);
        Decl::Type(Definition {
            named: Named { tag, name },
            size,
            body: Body::Members(members),
        })
    })
}

fn enumeration() -> impl Strategy<Value = Decl> {
    let values = hash_map(identifier(), any::<i64>(), 0..8);
    let size = select(vec![1, 2, 4, 8]);
    (identifier(), size, any::<bool>(), values).prop_map(|(name, size, signed, values)| {
        let value = |(name, value): (_, i64)| {
            let value = value >> (64 - 8 * size);
            let count = 1_i128 << (8 * size);
            Enumerator {
                name,
                value: match signed {
                    true => value.into(),
                    false => i128::from(value).rem_euclid(count),
                },
            }
        };
        Decl::Type(Definition {
            named: Named {
                tag: Tag::Enum,
                name,
            },
            size,
            body: Body::Values {
                signed,
                values: values.into_iter().map(value).collect(),
            },
        })
    })
}

fn check() -> impl Strategy<Value = Decl> {
    let tag = select(vec![Tag::Struct, Tag::Union, Tag::Enum]);
    (tag, identifier(), any::<u32>()).prop_map(|(tag, name, size)| {
        Decl::Check(Check {
            named: Named { tag, name },
            size,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn displayed_declarations_parse_to_the_same(
        decl in prop_oneof![function(), aggregate(), enumeration(), check()]
    ) {
        prop_assert_eq!(parse(&decl.to_string()), Ok(decl));
    }

    #[test]
    fn parsed_text_round_trips(text in "(kfunc|f|void|struct|const|\\(|\\)|,|\\*| |u8){0,24}") {
        if let Ok(decl) = parse(&text) {
            prop_assert_eq!(parse(&decl.to_string()), Ok(decl));
        }
    }

    #[test]
    fn parsed_functions_round_trip(
        text in "func f\\(a \\*fn\\(( |a|u8|fn|\\*|\\*fn\\(|\\(|\\)|,|const){0,10}\\) u8\\) u8"
    ) {
        if let Ok(decl) = parse(&text) {
            prop_assert_eq!(parse(&decl.to_string()), Ok(decl));
        }
    }

    #[test]
    fn parsed_types_round_trip(
        text in "(struct|union|enum) a (8|)( signed)?\\{?( |a|b|0|=|,|\\[2\\]|\\*|u8|-1){0,16}\\}?"
    ) {
        if let Ok(decl) = parse(&text) {
            prop_assert_eq!(parse(&decl.to_string()), Ok(decl));
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(text in vec(any::<u8>(), 0..100)) {
        let _ = description(&text);
    }
}
