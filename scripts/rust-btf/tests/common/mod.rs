// SPDX-License-Identifier: GPL-2.0

//! Makes the input of the tool, runs the tool, and reads its output.
//!
//! This module shares no code with the tool: the `object` crate writes the ELF files, and libbpf
//! writes and reads the BTF.

use libbpf_sys as sys;
use object::{
    write::{
        Object,
        StandardSection,
        Symbol,
        SymbolSection, //
    },
    Architecture,
    BinaryFormat,
    Endianness,
    SectionKind,
    SymbolFlags,
    SymbolKind,
    SymbolScope, //
};
use std::{
    collections::BTreeSet,
    ffi::{
        c_char,
        c_int,
        c_void,
        CStr,
        CString, //
    },
    fs,
    path::PathBuf,
    process::{
        self,
        Command, //
    },
    ptr,
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    }, //
};

/// `e_type` of an executable; the `object` crate writes relocatable files only.
pub const ET_EXEC: u8 = 2;

/// An ELF file for x86-64 with these sections.
pub fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    elf_for(Architecture::X86_64, Endianness::Little, sections)
}

pub fn elf_for(arch: Architecture, endian: Endianness, sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, arch, endian);
    for (name, data) in sections {
        let id = object.add_section(
            Vec::new(),
            name.as_bytes().to_vec(),
            SectionKind::ReadOnlyData,
        );
        object.append_section_data(id, data, 1);
    }
    object.write().unwrap()
}

/// The same ELF file with another `e_type`.
pub fn with_type(mut elf: Vec<u8>, e_type: u8) -> Vec<u8> {
    elf[16] = e_type;
    elf
}

/// The content of `.modinfo` for a module with these descriptions.
pub fn modinfo<T: AsRef<[u8]>>(descriptions: &[T]) -> Vec<u8> {
    let mut data = b"license=GPL\0\0\0".to_vec();
    for description in descriptions {
        data.extend_from_slice(b"rust_btf=");
        data.extend_from_slice(description.as_ref());
        data.extend_from_slice(b"\0\0");
    }
    data.extend_from_slice(b"name=x\0");
    data
}

/// A module with these descriptions.
pub fn module<T: AsRef<[u8]>>(descriptions: &[T]) -> Vec<u8> {
    elf(&[
        (".text", b"\xc3"),
        (".modinfo", &modinfo(descriptions)),
        (".comment", b"test\0"),
    ])
}

/// A module with one description that defines a global symbol.
pub fn module_with_symbol(description: &str, symbol: &str) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let text = object.section_id(StandardSection::Text);
    object.append_section_data(text, b"\xc3", 1);
    object.add_symbol(Symbol {
        name: symbol.as_bytes().to_vec(),
        value: 0,
        size: 1,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(text),
        flags: SymbolFlags::None,
    });
    let id = object.add_section(Vec::new(), b".modinfo".to_vec(), SectionKind::ReadOnlyData);
    object.append_section_data(id, &modinfo(&[description]), 1);
    object.write().unwrap()
}

/// BTF that a test builds or reads.
pub struct Btf {
    raw: *mut sys::btf,
    base: Option<Box<Btf>>,
}

impl Drop for Btf {
    fn drop(&mut self) {
        // SAFETY: `raw` is from libbpf, and is freed once, before its base.
        unsafe { sys::btf__free(self.raw) }
        self.base.take();
    }
}

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// Calls a `btf__add_*()` function of libbpf and returns the new id.
macro_rules! add {
    ($self:ident, $function:ident $(, $arg:expr)*) => {{
        // SAFETY: `raw` is valid, and so is every string, which libbpf copies.
        let id = unsafe { sys::$function($self.raw $(, $arg)*) };
        assert!(id >= 0, "{}: {id}", stringify!($function));
        id
    }};
}

impl Btf {
    pub fn new(base: Option<Btf>) -> Btf {
        let base = base.map(Box::new);
        let base_raw = base.as_ref().map_or(ptr::null_mut(), |base| base.raw);
        // SAFETY: The base is NULL or valid and lives as long as the result.
        let raw = unsafe { sys::btf__new_empty_split(base_raw) };
        assert!(!raw.is_null());
        Btf { raw, base }
    }

    /// Parses BTF; `None` if libbpf rejects it.
    pub fn parse(data: &[u8], base: Option<Btf>) -> Option<Btf> {
        // SAFETY: libbpf accepts NULL for the print function.
        unsafe { sys::libbpf_set_print(None) };
        let base = base.map(Box::new);
        let base_raw = base.as_ref().map_or(ptr::null_mut(), |base| base.raw);
        let len = data.len().try_into().unwrap();
        // SAFETY: `data` has `len` bytes; the base is NULL or valid and lives as long as the
        // result.
        let raw = unsafe { sys::btf__new_split(data.as_ptr().cast(), len, base_raw) };
        (!raw.is_null()).then_some(Btf { raw, base })
    }

    pub fn int(&mut self, name: &str, size: u64) -> i32 {
        add!(self, btf__add_int, c(name).as_ptr(), size, 0)
    }

    pub fn float(&mut self, name: &str) -> i32 {
        add!(self, btf__add_float, c(name).as_ptr(), 8)
    }

    pub fn typedef(&mut self, name: &str, of: i32) -> i32 {
        add!(self, btf__add_typedef, c(name).as_ptr(), of)
    }

    pub fn structure(&mut self, name: &str, size: u32) -> i32 {
        add!(self, btf__add_struct, c(name).as_ptr(), size)
    }

    pub fn union(&mut self, name: &str, size: u32) -> i32 {
        add!(self, btf__add_union, c(name).as_ptr(), size)
    }

    /// Adds a member to the last type. `bits` is 0 for a member that is not a bit field.
    pub fn member(&mut self, name: &str, ty: i32, offset: u32, bits: u32) {
        add!(self, btf__add_field, c(name).as_ptr(), ty, offset, bits);
    }

    pub fn array(&mut self, of: i32, len: u32, index: i32) -> i32 {
        add!(self, btf__add_array, index, of, len)
    }

    /// Adds an enum with these enumerators; libbpf marks it as signed if one is negative.
    pub fn small_enum(&mut self, name: &str, size: u32, values: &[(&str, i64)]) -> i32 {
        let id = add!(self, btf__add_enum, c(name).as_ptr(), size);
        for (name, value) in values {
            add!(self, btf__add_enum_value, c(name).as_ptr(), *value);
        }
        id
    }

    pub fn enumeration(&mut self, name: &str) -> i32 {
        let id = add!(self, btf__add_enum, c(name).as_ptr(), 4);
        add!(self, btf__add_enum_value, c("FIRST").as_ptr(), 1);
        id
    }

    pub fn enumeration64(&mut self, name: &str) -> i32 {
        add!(self, btf__add_enum64, c(name).as_ptr(), 8, false)
    }

    pub fn declared_struct(&mut self, name: &str) -> i32 {
        add!(self, btf__add_fwd, c(name).as_ptr(), sys::BTF_FWD_STRUCT)
    }

    pub fn ptr(&mut self, to: i32) -> i32 {
        add!(self, btf__add_ptr, to)
    }

    pub fn constant(&mut self, of: i32) -> i32 {
        add!(self, btf__add_const, of)
    }

    pub fn volatile(&mut self, of: i32) -> i32 {
        add!(self, btf__add_volatile, of)
    }

    pub fn proto(&mut self, params: &[(&str, i32)], ret: i32) -> i32 {
        let proto = add!(self, btf__add_func_proto, ret);
        for (name, ty) in params {
            add!(self, btf__add_func_param, c(name).as_ptr(), *ty);
        }
        proto
    }

    pub fn func(&mut self, name: &str, params: &[(&str, i32)], ret: i32) -> i32 {
        let proto = self.proto(params, ret);
        let linkage = sys::BTF_FUNC_STATIC;
        add!(self, btf__add_func, c(name).as_ptr(), linkage, proto)
    }

    pub fn set_big_endian(&mut self) {
        add!(self, btf__set_endianness, sys::BTF_BIG_ENDIAN);
    }

    pub fn data(&self) -> Vec<u8> {
        let mut len = 0;
        // SAFETY: `raw` is valid; libbpf returns `len` bytes, which are copied at once.
        unsafe {
            let data = sys::btf__raw_data(self.raw, &mut len);
            assert!(!data.is_null());
            std::slice::from_raw_parts(data.cast::<u8>(), len as usize).to_vec()
        }
    }

    /// One line for each type that is not in the base.
    pub fn dump(&self) -> Vec<String> {
        let first = match &self.base {
            // SAFETY: `raw` is valid.
            Some(base) => unsafe { sys::btf__type_cnt(base.raw) },
            None => 1,
        };
        // SAFETY: `raw` is valid.
        let end = unsafe { sys::btf__type_cnt(self.raw) };
        (first..end).map(|id| self.line(id)).collect()
    }

    /// All types as C, as `bpftool btf dump ... format c` prints them.
    pub fn to_c(&self) -> String {
        let mut text = Vec::new();
        // SAFETY: `raw` and the text are valid and outlive the dump, which is freed once.
        unsafe {
            let context = ptr::from_mut(&mut text).cast();
            let dump = sys::btf_dump__new(self.raw, Some(print), context, ptr::null());
            assert!(!dump.is_null());
            for id in 1..sys::btf__type_cnt(self.raw) {
                assert_eq!(sys::btf_dump__dump_type(dump, id), 0);
            }
            sys::btf_dump__free(dump);
        }
        String::from_utf8(text).unwrap()
    }

    fn name(&self, offset: u32) -> &str {
        // SAFETY: `raw` is valid, and libbpf has checked the offsets in its types.
        let name = unsafe { CStr::from_ptr(sys::btf__str_by_offset(self.raw, offset)) };
        name.to_str().unwrap()
    }

    fn line(&self, id: u32) -> String {
        // SAFETY: `id` is a valid type id, so libbpf returns a valid pointer.
        let ty = unsafe { &*sys::btf__type_by_id(self.raw, id) };
        // SAFETY: Both fields of the union are `u32`.
        let target = unsafe { ty.__bindgen_anon_1.type_ };
        let name = self.name(ty.name_off);
        let (kind, len) = ((ty.info >> 24) & 0x1f, ty.info & 0xffff);
        let flag = match ty.info >> 31 {
            0 => "",
            _ => " flag",
        };
        match kind {
            sys::BTF_KIND_PTR => format!("{id} ptr {target}"),
            sys::BTF_KIND_CONST => format!("{id} const {target}"),
            sys::BTF_KIND_FUNC_PROTO => {
                let params = self.items(id, |param: &sys::btf_param| {
                    format!("{} {}", self.name(param.name_off), param.type_)
                });
                format!("{id} proto ({params}) {target}")
            }
            sys::BTF_KIND_FUNC => format!("{id} func {name} {target} linkage {len}"),
            sys::BTF_KIND_ARRAY => {
                // SAFETY: A `btf_array` follows the head of an array type.
                let array = unsafe { &*ptr::from_ref(ty).add(1).cast::<sys::btf_array>() };
                let (of, index, len) = (array.type_, array.index_type, array.nelems);
                format!("{id} array {of} len {len} index {index}")
            }
            sys::BTF_KIND_STRUCT | sys::BTF_KIND_UNION => {
                let tag = match kind {
                    sys::BTF_KIND_STRUCT => "struct",
                    _ => "union",
                };
                let members = self.items(id, |member: &sys::btf_member| {
                    let name = self.name(member.name_off);
                    format!("{name} bit {} type {}", member.offset, member.type_)
                });
                format!("{id} {tag}{flag} {name} size {target} ({members})")
            }
            sys::BTF_KIND_ENUM => {
                let values = self.items(id, |value: &sys::btf_enum| {
                    format!("{} {}", self.name(value.name_off), value.val)
                });
                format!("{id} enum{flag} {name} size {target} ({values})")
            }
            sys::BTF_KIND_ENUM64 => {
                let values = self.items(id, |value: &sys::btf_enum64| {
                    let (name, high) = (self.name(value.name_off), value.val_hi32);
                    format!("{name} {high:#x}:{:#x}", value.val_lo32)
                });
                format!("{id} enum64{flag} {name} size {target} ({values})")
            }
            sys::BTF_KIND_DECL_TAG => {
                // SAFETY: A `btf_decl_tag` follows the head of a tag.
                let tag = unsafe { &*ptr::from_ref(ty).add(1).cast::<sys::btf_decl_tag>() };
                format!("{id} tag {name} of {target} part {}", tag.component_idx)
            }
            kind => format!("{id} kind {kind} {name} {target}"),
        }
    }

    /// Formats the items that follow a type; the items are `T`.
    fn items<T>(&self, id: u32, show: impl Fn(&T) -> String) -> String {
        // SAFETY: `id` is the id of a type that `len` items of type `T` follow, and no type is
        // added while they are in use.
        let items = unsafe {
            let ty = sys::btf__type_by_id(self.raw, id);
            let len = (*ty).info & 0xffff;
            std::slice::from_raw_parts(ty.add(1).cast::<T>(), len as usize)
        };
        items.iter().map(show).collect::<Vec<_>>().join(", ")
    }
}

extern "C" {
    fn vsnprintf(
        text: *mut c_char,
        len: usize,
        format: *const c_char,
        args: *mut sys::__va_list_tag,
    ) -> c_int;
}

/// Formats the text of libbpf, and appends it to the vector that `context` points to.
unsafe extern "C" fn print(
    context: *mut c_void,
    format: *const c_char,
    args: *mut sys::__va_list_tag,
) {
    let mut piece = [0; 4096];
    // SAFETY: libbpf's arguments fit its format, and `vsnprintf()` writes at most `piece.len()`
    // bytes.
    let len = unsafe { vsnprintf(piece.as_mut_ptr().cast(), piece.len(), format, args) };
    let piece: &[u8] = &piece[..len.try_into().unwrap()];
    // SAFETY: `context` is the vector of `to_c()`, and nothing else refers to it.
    unsafe { (*context.cast::<Vec<u8>>()).extend_from_slice(piece) }
}

/// The result of one run of the tool.
pub struct Outcome {
    pub code: i32,
    pub stderr: String,
    /// The content of the BTF file after the run.
    pub btf: Vec<u8>,
}

/// A folder with the files for one run. Dropping the value removes it.
pub struct Bench {
    pub dir: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Bench {
    /// Makes a folder with `x.ko`, `x.BTF` and, if there is a base, `vmlinux`.
    pub fn new(elf: &[u8], btf: &[u8], base: Option<&[u8]>) -> Bench {
        static NEXT: AtomicUsize = AtomicUsize::new(0);

        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rust-btf-test-{}-{number}", process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        let bench = Bench { dir };
        bench.write("x.ko", elf);
        bench.write("x.BTF", btf);
        if let Some(base) = base {
            bench.write("vmlinux", base);
        }
        bench
    }

    pub fn write(&self, name: &str, data: &[u8]) {
        fs::write(self.dir.join(name), data).unwrap();
    }

    fn files(&self) -> BTreeSet<(String, Option<Vec<u8>>)> {
        fs::read_dir(&self.dir)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                // Only the BTF file may change.
                let data = (name != "x.BTF").then(|| fs::read(entry.path()).unwrap());
                (name, data)
            })
            .collect()
    }

    /// Runs the tool on the files in the folder.
    pub fn run(&self) -> Outcome {
        match self.dir.join("vmlinux").exists() {
            true => self.run_with(&["--btf_base", "vmlinux", "--btf", "x.BTF", "x.ko"]),
            false => self.run_with(&["--btf", "x.BTF", "x.ko"]),
        }
    }

    /// Runs the tool with these arguments.
    pub fn run_with(&self, args: &[&str]) -> Outcome {
        self.run_command(Command::new(env!("CARGO_BIN_EXE_rust-btf")).args(args))
    }

    /// Runs a command that executes the tool, and checks the rules of each run: the tool exits with
    /// 0 or 1; it changes no file but the BTF and leaves no new file; after a success it prints
    /// nothing; after an error it prints one line and the BTF is unchanged.
    pub fn run_command(&self, command: &mut Command) -> Outcome {
        let before = fs::read(self.dir.join("x.BTF")).unwrap_or_default();
        let files = self.files();
        let output = command.current_dir(&self.dir).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let btf = fs::read(self.dir.join("x.BTF")).unwrap_or_default();

        assert_eq!(self.files(), files, "a file changed, came or went");
        assert!(output.stdout.is_empty());
        match output.status.code() {
            Some(0) => assert_eq!(stderr, ""),
            Some(1) => {
                assert!(before == btf, "the BTF changed in spite of: {stderr}");
                assert!(stderr.starts_with("rust-btf: "), "{stderr}");
                assert!(stderr.ends_with('\n'), "{stderr}");
                assert_eq!(stderr.lines().count(), 1, "{stderr}");
            }
            _ => panic!("{}: {stderr}", output.status),
        }
        Outcome {
            code: output.status.code().unwrap(),
            stderr,
            btf,
        }
    }
}
