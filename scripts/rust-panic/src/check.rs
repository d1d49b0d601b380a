// SPDX-License-Identifier: GPL-2.0

//! Finds the panics that functions of an object can reach.
//!
//! This module checks every function, also functions without a caller. A panic belongs to the
//! innermost function of the object's own crate that its code was inlined into. Generic code of
//! other crates that was compiled into this object counts as code of the functions that call it; a
//! report names this code itself only if no function calls it. This module does not follow calls
//! into other objects: [`reach`] does, and for functions that may sleep [`crate::sleep`].

use std::collections::{
    BTreeMap,
    BTreeSet,
    HashMap,
    HashSet, //
};

use crate::{
    debug::{
        self,
        Frame,
        Lines, //
    },
    elf::{
        Function,
        Object,
        Place,
        Reference,
        Target, //
    },
    names::{
        self,
        Kind, //
    },
    reach::{
        self,
        Panicking, //
    },
    sleep::{
        Context,
        Sleep,
        Sleeping, //
    },
    Result, //
};

/// A panic, and where it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Panic {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) kind: &'static Kind,
    /// The function that can panic, if `kind` does not name it.
    pub(crate) callee: Option<String>,
    /// The C function or the flag by which `callee` may sleep, if this is not a panic.
    pub(crate) sleeps: Option<String>,
    /// The function of another crate that has the panic and was inlined into `function`, if any.
    pub(crate) inlined: Option<String>,
    /// The function that contains the line.
    pub(crate) function: String,
}

impl Panic {
    /// Whether `#[bpf::may_panic]` covers this.
    pub(crate) fn can_be_excused(&self) -> bool {
        self.sleeps.is_none() && !names::is_stop(self.kind)
    }

    /// The text that says what can happen.
    pub(crate) fn what(&self) -> String {
        let callee = self.callee.as_deref().unwrap_or_default();
        if let Some(sleeps) = &self.sleeps {
            let action = match names::dropped(callee) {
                Some(ty) => format!("drops a `{ty}`"),
                None => format!("calls `{}`", names::short(callee)),
            };
            let by = if names::path(sleeps) == callee {
                String::new()
            } else {
                format!(" (`{sleeps}`)")
            };
            let why = self.kind.what;
            return format!("this {action}, which may sleep{by}, but {why}");
        }
        match callee {
            "" => self.kind.what.into(),
            callee => {
                let callee = names::short(callee);
                format!("this calls `{callee}`, which can panic")
            }
        }
    }
}

/// Panics, each with the entries from which it is reached.
pub(crate) type Panics = BTreeMap<Panic, BTreeSet<String>>;

/// The cause of a panic or of a wait.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    kind: &'static Kind,
    /// The function that can panic, if `kind` does not name it.
    callee: Option<String>,
    /// The innermost function of another crate that has the panic, if any.
    inlined: Option<String>,
    /// Whether the panic is in a helper, a function whose panics count as its caller's
    /// ([`reach::is_helper`]).
    in_helper: bool,
}

struct Check<'a> {
    object: &'a Object,
    lines: Lines<'a>,
    /// For each function, the functions that call it.
    callers: Vec<Vec<usize>>,
    /// Functions whose address is taken.
    taken: HashSet<usize>,
    /// Paths of functions with `#[bpf::may_panic]`.
    may_panic: HashSet<String>,
    /// Kfuncs and the functions that they refer to, through any number of others.
    in_kfuncs: HashSet<usize>,
}

/// The panics of an object.
pub(crate) fn panics(
    object: &Object,
    panicking: &Panicking,
    sleeping: &Sleeping<'_>,
) -> Result<Panics> {
    let check = Check::new(object)?;
    let mut panics = Panics::new();
    let mut foreign: BTreeMap<usize, BTreeSet<Cause>> = BTreeMap::new();
    let mut said: Vec<(usize, usize, Frame, Cause)> = Vec::new();

    // Causes in code of other crates move to the functions that call it, through any number of
    // calls.
    let mut todo: Vec<usize> = Vec::new();
    for (index, function) in object.functions.iter().enumerate() {
        // A panic function counts as a panic of its callers.
        if names::kind(&function.name).is_some() {
            continue;
        }
        for reference in &function.references {
            let Some(name) = check.panics(reference, panicking) else {
                continue;
            };
            for frames in check.frames(function, reference) {
                if check.is_trusted(&frames) {
                    continue;
                }
                let cause = cause(name, check.foreign_frames(&frames));
                match check.own_frame(function, &frames) {
                    Some(frame) => check.report(&mut panics, index, &frame, &cause),
                    None => {
                        foreign.entry(index).or_default().insert(cause);
                        todo.push(index);
                    }
                }
            }
        }
    }
    while let Some(callee) = todo.pop() {
        let Some(name) = object.functions.get(callee) else {
            continue;
        };
        let causes = foreign.get(&callee).cloned().unwrap_or_default();
        let summary = summary(&causes, name);
        for (index, function) in object.functions.iter().enumerate() {
            for reference in &function.references {
                if index == callee || reference.to != Target::Function(callee) {
                    continue;
                }
                for frames in check.frames(function, reference) {
                    if check.is_trusted_call(&frames, &causes) {
                        continue;
                    }
                    let Some(frame) = check.own_frame(function, &frames) else {
                        let known = foreign.entry(index).or_default();
                        let before = known.len();
                        known.extend(causes.iter().cloned());
                        if known.len() > before {
                            todo.push(index);
                        }
                        continue;
                    };
                    for cause in &summary {
                        said.push((callee, index, frame.clone(), cause.clone()));
                    }
                }
            }
        }
    }
    // Each time more causes of a callee become known, the list gets another entry for the call: the
    // last entry is complete.
    let mut last = BTreeMap::new();
    for (callee, index, frame, cause) in said {
        let stops = names::is_stop(cause.kind);
        let key = (callee, index, frame.symbol.clone(), frame.line, stops);
        last.insert(key, (frame, cause));
    }
    for ((_, index, ..), (frame, cause)) in &last {
        check.report(&mut panics, *index, frame, cause);
    }
    for (index, causes) in &foreign {
        let Some(function) = object.functions.get(*index) else {
            continue;
        };
        // If neither a function nor data refers to the function, it is left over by the compiler.
        if !function.is_pointed_to {
            continue;
        }
        let frames = check.lines.frames(function.begin);
        for cause in causes {
            check.report(&mut panics, *index, &outer(function, &frames), cause);
        }
    }
    for (symbol, section) in &object.in_data {
        if panicking.contains(symbol) {
            let cause = cause(symbol, &[]);
            let panic = Panic {
                file: String::new(),
                line: 0,
                kind: cause.kind,
                callee: cause.callee,
                sleeps: None,
                inlined: None,
                function: format!("data in {section}"),
            };
            panics.entry(panic).or_default();
        }
    }
    check.report_sleeps(&mut panics, sleeping);
    Ok(panics)
}

/// The causes that are reported for a call of `function`: a single panic by its kind, several
/// panics as one panic that names the function. Stops are reported apart from panics.
fn summary(causes: &BTreeSet<Cause>, function: &Function) -> Vec<Cause> {
    let (mut summary, panics): (Vec<Cause>, Vec<Cause>) = causes
        .iter()
        .cloned()
        .partition(|cause| names::is_stop(cause.kind));
    summary.truncate(1);
    match panics.as_slice() {
        [] => {}
        [panic] => summary.push(panic.clone()),
        _ => summary.push(Cause {
            kind: &names::OTHER,
            callee: Some(names::path(&function.name)),
            inlined: None,
            in_helper: false,
        }),
    }
    summary
}

/// The cause of a panic: a reference to `symbol` in code that was inlined from `foreign_frames`.
fn cause(symbol: &str, foreign_frames: &[Frame]) -> Cause {
    let inlined: Vec<String> = foreign_frames
        .iter()
        .map(|frame| names::path(&frame.symbol))
        .collect();
    let kind = inlined.iter().find_map(|path| names::kind_in(path));
    let (kind, callee) = if let Some(kind) = names::stops(symbol) {
        (kind, None)
    } else {
        match kind.or_else(|| names::kind(symbol)) {
            Some(kind) => (kind, None),
            None => (&names::OTHER, Some(names::path(symbol))),
        }
    };
    Cause {
        kind,
        callee,
        inlined: inlined.into_iter().next(),
        in_helper: foreign_frames
            .first()
            .is_some_and(|frame| reach::is_helper(&frame.symbol)),
    }
}

/// The outermost frame, which is the function that has the symbol.
fn outer(function: &Function, frames: &[Frame]) -> Frame {
    let mut frame = frames.last().cloned().unwrap_or_default();
    if frame.symbol.is_empty() {
        frame.symbol.clone_from(&function.name);
    }
    frame
}

impl<'a> Check<'a> {
    fn new(object: &'a Object) -> Result<Self> {
        let mut callers = vec![Vec::new(); object.functions.len()];
        let mut taken = HashSet::new();
        for (index, function) in object.functions.iter().enumerate() {
            for reference in &function.references {
                let Target::Function(target) = reference.to else {
                    continue;
                };
                if !reference.is_call {
                    taken.insert(target);
                } else if let Some(callers) = callers.get_mut(target) {
                    callers.push(index);
                }
            }
        }
        let mut check = Self {
            object,
            lines: Lines::new(object)?,
            callers,
            taken,
            may_panic: HashSet::new(),
            in_kfuncs: HashSet::new(),
        };
        check.find_kfuncs();
        check.may_panic = object
            .functions
            .iter()
            .filter(|function| function.may_panic)
            .flat_map(|function| function.names().map(|name| names::path(name)))
            .collect();
        Ok(check)
    }

    /// The name of the function that a reference is to, if that function panics or waits. It may be
    /// a generic function, such as `assert_failed`, that was compiled into this object.
    fn panics(&self, reference: &'a Reference, panicking: &Panicking) -> Option<&'a str> {
        match &reference.to {
            Target::External(name) => {
                (panicking.contains(name) || names::stops(name).is_some()).then_some(name)
            }
            Target::Function(index) => {
                let name = &self.object.functions.get(*index)?.name;
                names::kind(name).is_some().then_some(name)
            }
        }
    }

    fn find_kfuncs(&mut self) {
        let functions = || self.object.functions.iter();
        let kfuncs = functions().enumerate().filter(|(_, function)| {
            let mut names = function.names();
            names.any(|name| names::is_called_by_bpf(name))
        });
        let mut todo: Vec<usize> = kfuncs.map(|(index, _)| index).collect();
        while let Some(index) = todo.pop() {
            if !self.in_kfuncs.insert(index) {
                continue;
            }
            let references = self.object.functions.get(index).map(|f| &f.references);
            todo.extend(references.into_iter().flatten().filter_map(
                |reference| match reference.to {
                    Target::Function(target) => Some(target),
                    Target::External(_) => None,
                },
            ));
        }
    }

    /// Whether a symbol is of another crate. A symbol without a crate in its name is of this crate.
    fn is_foreign_symbol(&self, symbol: &str) -> bool {
        names::crate_name(symbol).is_some_and(|name| !self.object.crates.contains(&name))
    }

    fn is_foreign(&self, function: &Function) -> bool {
        self.is_foreign_symbol(&function.name)
    }

    /// The functions that contain a place, the innermost first.
    fn frames_at(&self, function: &Function, place: Place) -> Vec<Frame> {
        let mut frames = self.lines.frames(place);
        // The name in the symbol table is reliable; that in the debug information may be missing.
        if let Some(last) = frames.last_mut() {
            last.symbol.clone_from(&function.name);
        }
        frames
    }

    /// The functions that contain a reference, the innermost first.
    ///
    /// The compiler may merge the calls in two inlined functions into one, which then has no line.
    /// The branches to the merged call still have their lines. There may be several such branches,
    /// and the result has one element for each.
    fn frames(&self, function: &Function, reference: &Reference) -> Vec<Vec<Frame>> {
        let has_line = |frames: &Vec<Frame>| frames.first().is_some_and(|frame| frame.line > 0);
        let mut frames = self.frames_at(function, reference.at);
        if frames.is_empty() || has_line(&frames) {
            return vec![frames];
        }
        let branches = function.branches_to(reference.at).into_iter();
        let mut all: Vec<Vec<Frame>> = branches
            .map(|place| self.frames_at(function, place))
            .filter(has_line)
            .collect();
        all.dedup();
        if all.is_empty() {
            // The `Location` that is passed to the panic function has a line as well.
            let location = self.object.location(function, reference.at);
            if let (Some(frame), Some((file, line))) = (frames.first_mut(), location) {
                (frame.file, frame.line) = (debug::normal(&file), line);
            }
            all.push(frames);
        }
        all
    }

    /// The functions of other crates that were inlined into a function of this crate.
    fn foreign_frames<'f>(&self, frames: &'f [Frame]) -> &'f [Frame] {
        let own = frames
            .iter()
            .position(|frame| !self.is_foreign_symbol(&frame.symbol));
        frames
            .get(..own.unwrap_or(frames.len()))
            .unwrap_or_default()
    }

    /// The innermost function of this crate, if there is one. A function without debug information
    /// is its own frame.
    fn own_frame(&self, function: &Function, frames: &[Frame]) -> Option<Frame> {
        match frames.get(self.foreign_frames(frames).len()) {
            Some(frame) => Some(frame.clone()),
            None if self.is_foreign(function) => None,
            None => Some(outer(function, frames)),
        }
    }

    /// Whether a panic is in a trusted function of another crate, which never reaches it.
    ///
    /// A trusted function may call functions that are not trusted, for example an iterator.
    fn is_trusted(&self, frames: &[Frame]) -> bool {
        match self.foreign_frames(frames) {
            [innermost, outer @ ..] if reach::is_helper(&innermost.symbol) => {
                outer.iter().any(|frame| reach::is_trusted(&frame.symbol))
            }
            [innermost, ..] => reach::is_trusted(&innermost.symbol),
            [] => false,
        }
    }

    /// Whether a call is in a trusted function, and all panics of the callee are in helpers, so
    /// that they count as panics of the trusted function.
    fn is_trusted_call(&self, frames: &[Frame], causes: &BTreeSet<Cause>) -> bool {
        let mut frames = self.foreign_frames(frames).iter();
        causes.iter().all(|cause| cause.in_helper)
            && frames.any(|frame| reach::is_trusted(&frame.symbol))
    }

    /// Whether a function has `#[bpf::may_panic]`, or is a closure in such a function.
    fn is_excused(&self, function: &Function, frame: &Frame) -> bool {
        let path = names::path(&frame.symbol);
        let outer = path.split_once("::{closure").map(|(outer, _)| outer);
        let is_excused = |outer: &str| {
            // A kfunc's symbol is the last part of the path.
            let name = outer.rsplit("::").next().unwrap_or(outer);
            self.may_panic.contains(outer) || self.may_panic.contains(name)
        };
        function.may_panic || outer.is_some_and(is_excused)
    }

    fn report(&self, panics: &mut Panics, index: usize, frame: &Frame, cause: &Cause) {
        let Some(function) = self.object.functions.get(index) else {
            return;
        };
        let is_excused = if names::is_stop(cause.kind) {
            !self.in_kfuncs.contains(&index)
        } else {
            self.is_excused(function, frame)
        };
        if is_excused {
            return;
        }
        let Cause {
            kind,
            callee,
            inlined,
            ..
        } = cause.clone();
        let path = names::path(&frame.symbol);
        let panic = Panic {
            file: frame.file.clone(),
            line: frame.line,
            kind,
            callee,
            sleeps: None,
            inlined: inlined.filter(|inlined| *inlined != path),
            function: path,
        };
        panics.entry(panic).or_default().extend(self.entries(index));
    }

    /// The name and the context of a function that must not sleep and that code outside of the
    /// object calls.
    fn must_not_sleep(&self, index: usize) -> Option<(&'a str, Context)> {
        let function = self.object.functions.get(index)?;
        // Prologues and epilogues call a helper through a pointer.
        let has_callers = self.callers.get(index).is_some_and(|list| !list.is_empty());
        function.names().find_map(|name| {
            let context = match self.object.kfuncs.get(name) {
                Some(true) => return None,
                Some(false) if names::iterator(name).is_some() => Context::Iterator,
                Some(false) => Context::Kfunc,
                None if names::is_dtor(name) => Context::Other,
                None if names::is_helper(name) && !has_callers => Context::Other,
                None if names::is_drop_value(name) => Context::Drop,
                None => return None,
            };
            Some((name.as_str(), context))
        })
    }

    /// Reports the functions that may sleep and that code that must not sleep calls, through any
    /// number of functions of the object.
    fn report_sleeps(&self, panics: &mut Panics, sleeping: &Sleeping<'_>) {
        // The functions that are called in a context, and the names of the entries that call them.
        let mut reached: BTreeMap<(usize, Context), BTreeSet<&str>> = BTreeMap::new();
        for index in 0..self.object.functions.len() {
            let Some((entry, context)) = self.must_not_sleep(index) else {
                continue;
            };
            let mut todo = vec![index];
            while let Some(index) = todo.pop() {
                if !reached.entry((index, context)).or_default().insert(entry) {
                    continue;
                }
                todo.extend(self.calls(index).filter_map(|call| match call.to {
                    Target::Function(target) => Some(target),
                    Target::External(_) => None,
                }));
            }
        }
        if reached.is_empty() {
            return;
        }
        let foreign = self.foreign_sleeps(sleeping);
        // A call is reported once, with the first way in which it may sleep.
        let mut said = HashSet::new();
        for ((index, context), entries) in &reached {
            let Some(function) = self.object.functions.get(*index) else {
                continue;
            };
            let is_entry = function.names().any(|name| entries.contains(name.as_str()));
            for call in self.calls(*index) {
                let sleep = self.sleep(call, sleeping, &foreign);
                let Some(sleep) = sleep.filter(|sleep| sleep.is_in(*context)) else {
                    continue;
                };
                for frames in self.frames(function, call) {
                    let frame = match self.own_frame(function, &frames) {
                        Some(frame) => frame,
                        None if is_entry => outer(function, &frames),
                        // The functions that call this one have the line.
                        None => continue,
                    };
                    let callee = self.callee(call, &frames);
                    let place = (*index, *context, frame.line, callee.clone());
                    if !said.insert(place) {
                        continue;
                    }
                    let panic = Panic {
                        file: frame.file,
                        line: frame.line,
                        kind: sleep.way.kind(*context),
                        callee: Some(callee),
                        sleeps: Some(sleep.symbol.into()),
                        inlined: None,
                        function: names::path(&frame.symbol),
                    };
                    let entries = entries.iter().map(|entry| names::entry(entry));
                    panics.entry(panic).or_default().extend(entries);
                }
            }
        }
    }

    /// The functions of other crates in this object that may sleep.
    fn foreign_sleeps<'s>(&'s self, sleeping: &'s Sleeping<'_>) -> HashMap<usize, Sleep<'s>> {
        let mut foreign: HashMap<usize, Sleep<'_>> = HashMap::new();
        loop {
            let before = foreign.len();
            for (index, function) in self.object.functions.iter().enumerate() {
                if foreign.contains_key(&index) {
                    continue;
                }
                let mut calls = self.calls(index);
                let sleep = calls.find_map(|reference| {
                    let sleep = self.sleep(reference, sleeping, &foreign)?;
                    let mut frames = self.frames(function, reference).into_iter();
                    frames
                        .any(|frames| self.own_frame(function, &frames).is_none())
                        .then_some(sleep)
                });
                if let Some(sleep) = sleep {
                    foreign.insert(index, sleep);
                }
            }
            if foreign.len() == before {
                return foreign;
            }
        }
    }

    /// The sleep in the function that a reference calls.
    fn sleep<'s>(
        &self,
        call: &'s Reference,
        sleeping: &'s Sleeping<'_>,
        foreign: &HashMap<usize, Sleep<'s>>,
    ) -> Option<Sleep<'s>> {
        match call.to {
            Target::Function(index) => foreign.get(&index).copied(),
            Target::External(_) => sleeping.at(call),
        }
    }

    /// The path of the function that the author's line calls, by a call in code with these frames.
    fn callee(&self, call: &Reference, frames: &[Frame]) -> String {
        let inlined = self.foreign_frames(frames);
        let target = match &call.to {
            Target::Function(index) => self.object.functions.get(*index).map(|f| &f.name),
            Target::External(name) => Some(name),
        };
        // Without a function of this crate, the last frame is the caller.
        let inlined = match inlined.split_last() {
            Some((_, inner)) if inlined.len() == frames.len() => inner.last(),
            Some((outermost, _)) => Some(outermost),
            None => None,
        };
        let name = inlined.map(|frame| &frame.symbol).or(target);
        name.map(|name| names::path(name)).unwrap_or_default()
    }

    /// The calls and jumps of a function.
    fn calls(&self, index: usize) -> impl Iterator<Item = &'a Reference> {
        let function = self.object.functions.get(index);
        let references = function.into_iter().flat_map(|f| &f.references);
        references.filter(|reference| reference.is_call)
    }

    /// The entry points of the object that reach a function: functions that other code calls.
    fn entries(&self, index: usize) -> BTreeSet<String> {
        let mut entries = BTreeSet::new();
        let mut seen = HashSet::new();
        let mut todo = vec![index];
        while let Some(index) = todo.pop() {
            let Some(function) = self.object.functions.get(index) else {
                continue;
            };
            if !seen.insert(index) {
                continue;
            }
            let callers = self.callers.get(index).map_or(&[][..], Vec::as_slice);
            let is_named =
                !function.name.starts_with("_R") && !names::is_behind_stub(&function.name);
            if callers.is_empty() || is_named || self.taken.contains(&index) {
                entries.extend(function.names().map(|name| names::entry(name)));
            }
            todo.extend(callers);
        }
        entries
    }
}
