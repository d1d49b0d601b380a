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

#[test]
fn example() {
    let text = "kfunc bpf_exec_name_hash(name *const void, name__sz u32) s64";
    let wanted = Decl::Kfunc(Kfunc {
        name: "bpf_exec_name_hash".to_string(),
        params: vec![
            Param {
                name: "name".to_string(),
                ty: Type {
                    outer: vec![Outer::Ptr, Outer::Const],
                    core: Core::Void,
                },
            },
            Param {
                name: "name__sz".to_string(),
                ty: Type {
                    outer: vec![],
                    core: named(Tag::None, "u32"),
                },
            },
        ],
        ret: Type {
            outer: vec![],
            core: named(Tag::None, "s64"),
        },
    });
    assert_eq!(parse(text), Ok(wanted));
}

#[test]
fn type_examples() {
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
}

#[test]
fn definitions_that_types_need() {
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
fn spaces_are_free() {
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
fn malformed_types() {
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
            "member 1 (b): 'void' is no type",
        ),
        (
            "struct a 8 { b 0 [2]void }",
            21,
            "'void' has no size, so there is no array of it",
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
            "member 1 (b): offset 536870912 is more than BTF takes (536870911)",
        ),
        (
            "struct a 8 { b 0 u8, b 1 u8 }",
            22,
            "member 2 (b) has the name of member 1; give it another",
        ),
        (
            "struct a 8 { b 4 u8, c 3 u8 }",
            24,
            "member 2 (c): offset 3 comes before that of the member before it (4)",
        ),
        (
            "struct a 8 { b 4 const [0]u8, c 4 u8 }",
            31,
            "member 2 (c) comes after an array without length (b)",
        ),
        (
            "union a 8 { b 0 [0]u8, c 4 u8 }",
            26,
            "member 2 (c): offset 4 in a union; it is always 0",
        ),
        (
            &many,
            many.rfind("m6").unwrap_or(0) + 1,
            "member 65536 (m65535): BTF takes at most 65535 of them",
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
fn malformed() {
    let long = "n".repeat(MAX_NAME_LEN + 1);
    let many: Vec<_> = (0..=MAX_PARAMS).map(|i| format!("p{i} u8")).collect();
    for (text, column, why) in [
        (
            "",
            1,
            "'kfunc', 'struct', 'union' or 'enum' expected, found the end",
        ),
        ("typedef foo 8", 1, "'enum' expected, found 'typedef'"),
        ("kfunc", 6, "kfunc name expected, found the end"),
        ("kfunc (", 7, "kfunc name expected, found '('"),
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
        ("kfunc f() const void", 11, "a qualified 'void'"),
        ("kfunc f(a void) s32", 11, "parameter 1 (a): 'void' is no"),
        (
            "kfunc f(a [2]u8) s32",
            11,
            "parameter 1 (a): an array is no",
        ),
        (
            "kfunc f(a const [2]u8) s32",
            11,
            "parameter 1 (a): an array",
        ),
        ("kfunc f() [2]u8", 11, "an array is no return type"),
        (
            "kfunc f() *[2]void",
            15,
            "'void' has no size, so there is no",
        ),
        (
            "kfunc f(a const void) s32",
            11,
            "parameter 1 (a): 'void' is",
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
    let core = prop_oneof![
        Just(Core::Void),
        (
            select(vec![Tag::None, Tag::Struct, Tag::Union, Tag::Enum]),
            identifier()
        )
            .prop_map(|(tag, name)| Core::Named(Named { tag, name })),
    ];
    let outer = prop_oneof![
        Just(Outer::Ptr),
        Just(Outer::Const),
        any::<u32>().prop_map(Outer::Array),
    ];
    (vec(outer, 0..=MAX_TYPE_DEPTH), core)
        .prop_map(|(outer, core)| Type { outer, core })
        .prop_filter("array of void", |ty| {
            ty.core != Core::Void || !ty.has_inner_array()
        })
}

fn kfunc() -> impl Strategy<Value = Decl> {
    let param = ty().prop_filter("void or array", |ty| {
        !ty.is_void() && ty.array_len().is_none()
    });
    let params = hash_map(identifier(), param, 0..=MAX_PARAMS);
    let ret = ty().prop_filter("const void or array", |ty| {
        (!ty.is_void() || ty.outer.is_empty()) && ty.array_len().is_none()
    });
    (identifier(), params, ret).prop_map(|(name, params, ret)| {
        let params = params.into_iter().map(|(name, ty)| Param { name, ty });
        Decl::Kfunc(Kfunc {
            name,
            params: params.collect(),
            ret,
        })
    })
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
    fn display_round_trips(decl in prop_oneof![kfunc(), aggregate(), enumeration(), check()]) {
        prop_assert_eq!(parse(&decl.to_string()), Ok(decl));
    }

    #[test]
    fn what_parses_round_trips(text in "(kfunc|f|void|struct|const|\\(|\\)|,|\\*| |u8){0,24}") {
        if let Ok(decl) = parse(&text) {
            prop_assert_eq!(parse(&decl.to_string()), Ok(decl));
        }
    }

    #[test]
    fn types_that_parse_round_trip(
        text in "(struct|union|enum) a (8|)( signed)?\\{?( |a|b|0|=|,|\\[2\\]|\\*|u8|-1){0,16}\\}?"
    ) {
        if let Ok(decl) = parse(&text) {
            prop_assert_eq!(parse(&decl.to_string()), Ok(decl));
        }
    }

    #[test]
    fn any_bytes(text in vec(any::<u8>(), 0..100)) {
        let _ = description(&text);
    }
}
