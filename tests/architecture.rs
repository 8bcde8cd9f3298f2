//! Which folder of `rust/` may use which, and that no modules of a folder use each other in a circle.
//!
//! An arrow leads from a module to another whose path it names: in `use`, or in code by a path that begins with
//! `crate`, `super`, `self` or the name of a child. The path counts for the module that defines the item, even if
//! another one re-exports it. Comments and tests do not count.

#![allow(clippy::unwrap_used)] // a failure here is a failed test

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What each folder may use. It names folders above it alone, so this table has no circle.
const MAY_USE: &[(&str, &str)] = &[
    ("base", ""),
    ("exec", "base"),
    ("io", "base exec"),
    ("parquet_file", "base exec io"),
    ("scores", "base exec io parquet_file"),
    ("select", "base exec scores"),
    ("gather", "base exec io parquet_file"),
    ("write", "base exec io parquet_file gather"),
    ("python", "base exec io scores select gather write"),
];

/// What the files at the top count as.
const BELONGS: &[(&str, &str)] = &[("base", "checked error shown")];

/// Arrows that have no place in the table and are still there. One that is gone must leave this list.
const KNOWN_ARROWS: &[(&str, &str)] = &[];

/// Circles that are still there: a folder, and the modules in it. One that is opened must leave this list.
const KNOWN_CIRCLES: &[(&str, &str)] = &[];

#[test]
fn folders_use_only_what_is_above_them() {
    let named = |list: &str, name: &str| list.split(' ').any(|one| one == name);
    let folder = |module: &Module| {
        let top = module[0].clone();
        BELONGS.iter().find(|(_, files)| named(files, &top)).map_or(top, |(folder, _)| (*folder).to_owned())
    };
    let mut found = BTreeMap::new();
    for (from, to) in Modules::of_this_crate().arrows() {
        let arrow = (folder(&from), folder(&to));
        if arrow.0 != arrow.1 && !MAY_USE.iter().any(|(name, may)| *name == arrow.0 && named(may, &arrow.1)) {
            found.insert(arrow, format!("{} uses {}", from.join("::"), to.join("::")));
        }
    }
    compare(&found, KNOWN_ARROWS);
    for (at, (name, may)) in MAY_USE.iter().enumerate() {
        let above = |used: &str| MAY_USE[..at].iter().any(|(folder, _)| *folder == used);
        assert!(may.split_terminator(' ').all(above), "{name} may use a folder that is not above it");
    }
}

#[test]
fn modules_of_a_folder_do_not_use_each_other_in_a_circle() {
    let found = Modules::of_this_crate().circles();
    compare(&found.into_iter().map(|circle| (circle, String::new())).collect(), KNOWN_CIRCLES);
}

/// Fails unless just what is known was found.
fn compare(found: &BTreeMap<(String, String), String>, known: &[(&str, &str)]) {
    let is_known = |(a, b): &(String, String)| known.contains(&(a, b));
    let new: Vec<_> = found.iter().filter(|(one, _)| !is_known(one)).collect();
    let is_found = |(a, b): (&str, &str)| found.contains_key(&(a.to_owned(), b.to_owned()));
    let gone: Vec<_> = known.iter().filter(|one| !is_found(**one)).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "must not be there: {new:#?}\nno longer there, so take it off the list of known ones: {gone:#?}"
    );
}

#[test]
fn arrows_and_circles_are_found() {
    let mut modules = Modules::default();
    for (module, text) in [
        ("", "pub mod a;\nmod b;\n"),
        ("a", "mod x;\nmod y;\npub use x::{self, X as Z};\nuse std::fmt::Debug;\nstruct Own;\n"),
        (
            "a::x",
            "use super::{\n    y::{One, Two},\n    Own,\n};\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n",
        ),
        ("a::y", "// use crate::b;\nfn f() -> super::Z {}\n"),
        ("b", "fn f(one: &crate::a::y::One) {}\n"),
    ] {
        modules.insert(module.split_terminator("::").map(str::to_owned).collect(), text);
    }
    let arrows: Vec<_> = modules.arrows().into_iter().map(|(a, b)| (a.join("::"), b.join("::"))).collect();
    let expected = [("a::x", "a"), ("a::x", "a::y"), ("a::y", "a::x"), ("b", "a::y")];
    assert_eq!(arrows, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(modules.circles(), [("a".to_owned(), "x y".to_owned())].into());
}

/// The names along the path of a module: none for the crate itself.
type Module = Vec<String>;

/// The modules of a crate.
#[derive(Default)]
struct Modules {
    /// The paths and names in the code of each, outside of `use`.
    words: BTreeMap<Module, BTreeSet<String>>,
    /// What names stand for in each by `use`: a path, and whether it is re-exported.
    uses: BTreeMap<(Module, String), Vec<(String, bool)>>,
}

impl Modules {
    fn of_this_crate() -> Self {
        let mut modules = Self::default();
        modules.read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rust"), &[]);
        modules
    }

    fn read(&mut self, folder: &Path, module: &[String]) {
        for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let own = ["mod", "lib"].contains(&name);
            let inner = if own { module.to_vec() } else { [module, &[name.to_owned()]].concat() };
            if path.is_dir() {
                self.read(&path, &inner);
            } else if !name.contains("tests") {
                self.insert(inner, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    fn insert(&mut self, module: Module, text: &str) {
        let mut words = BTreeSet::new();
        for statement in without_tests(text).split(';') {
            let (before, tree) = statement.rsplit_once("use ").unwrap_or((statement, ""));
            let visibility = before.rsplit('\n').next().unwrap().trim();
            let is_use = !tree.is_empty() && (visibility.is_empty() || visibility.starts_with("pub"));
            let code = if is_use { before } else { statement };
            for path in expand(if is_use { tree } else { "" }) {
                let last = path.rsplit("::").next().unwrap();
                let (path, name) = path.rsplit_once(" as ").unwrap_or((&path, last));
                let uses = self.uses.entry((module.clone(), name.to_owned())).or_default();
                uses.push((path.to_owned(), !visibility.is_empty()));
            }
            let is_name = |c: char| c.is_alphanumeric() || "_:".contains(c);
            // That a module has a child is no use of it.
            let declared = code.rsplit_once("mod ").filter(|(_, name)| name.chars().all(is_name));
            let code = declared.map_or(code, |(before, _)| before);
            words.extend(code.split(|c| !is_name(c)).map(str::to_owned));
        }
        self.words.insert(module, words);
    }

    /// The module that defines what a path in `module` leads to, unless that is of another crate.
    fn defining(&self, module: &[String], path: &str) -> Option<Module> {
        let is_child = |name: &str| self.words.contains_key(&[module, &[name.to_owned()]].concat());
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        let at = match first {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module.split_last()?.1.to_vec(),
            child if is_child(child) => [module, &[child.to_owned()]].concat(),
            _ => return None,
        };
        let next = rest.split("::").next().unwrap_or_default();
        let below = self.defining(&at, rest);
        let alias = || {
            let (path, _) = self.uses.get(&(at.clone(), next.to_owned()))?.first()?;
            self.defining(&at, &format!("{path}{}", &rest[next.len()..]))
        };
        below.or_else(alias).or(Some(at))
    }

    /// The modules that each module uses.
    fn arrows(&self) -> BTreeSet<(Module, Module)> {
        let mut arrows = BTreeSet::new();
        let mut add = |module: &Module, path: &str| {
            let defined = self.defining(module, path).filter(|to| to != module && !to.is_empty());
            arrows.extend(defined.map(|to| (module.clone(), to)));
        };
        for (module, words) in &self.words {
            words.iter().filter(|word| word.contains("::")).for_each(|path| add(module, path));
        }
        for ((module, name), uses) in &self.uses {
            // A name that a module only re-exports is no use of its own.
            let used = uses.iter().filter(|(_, public)| !public || self.words[module].contains(name));
            used.for_each(|(path, _)| add(module, path));
        }
        arrows.retain(|(from, _)| !from.is_empty());
        arrows
    }

    /// The folders with a circle, and the modules in it; `mod` is what the folder's own file defines.
    fn circles(&self) -> BTreeSet<(String, String)> {
        let arrows = self.arrows();
        let folders: BTreeSet<_> =
            arrows.iter().flat_map(|(from, _)| (1..=from.len()).map(|len| &from[..len])).collect();
        let mut found = BTreeSet::new();
        for folder in folders {
            let part = |module: &Module| {
                Some(module.strip_prefix(folder)?.first().map_or("mod".to_owned(), String::clone))
            };
            let pairs = arrows.iter().filter_map(|(from, to)| Some((part(from)?, part(to)?)));
            let circles = circles(pairs.filter(|(from, to)| from != to).collect());
            found.extend(circles.into_iter().map(|circle| (folder.join("/"), circle)));
        }
        found
    }
}

/// The sets of names that lead to each other.
fn circles(mut arrows: BTreeSet<(String, String)>) -> BTreeSet<String> {
    loop {
        let further = |(from, over): &(String, String)| {
            let on = arrows.iter().filter(|(start, _)| start == over);
            on.map(|(_, to)| (from.clone(), to.clone())).collect::<Vec<_>>()
        };
        let longer: Vec<_> = arrows.iter().flat_map(further).collect();
        let before = arrows.len();
        arrows.extend(longer);
        if arrows.len() == before {
            break;
        }
    }
    let leads_back = |(from, to): &&(String, String)| arrows.contains(&(to.clone(), from.clone()));
    let mut sets = BTreeMap::<_, Vec<_>>::new();
    arrows.iter().filter(leads_back).for_each(|(from, to)| sets.entry(from).or_default().push(to.as_str()));
    sets.into_values().map(|set| set.join(" ")).collect()
}

/// Code without comments, and without the items below `#[cfg(test)]`.
fn without_tests(text: &str) -> String {
    let (mut code, mut skipped) = (String::new(), None);
    for line in text.lines().map(|line| line.split("//").next().unwrap().trim_end()) {
        let indent = line.len() - line.trim_start().len();
        if line.trim() == "#[cfg(test)]" {
            skipped = Some(indent);
        } else if skipped.is_none() {
            code.extend([line, "\n"]);
        } else if skipped == Some(indent) && (line.ends_with(';') || line.trim() == "}") {
            skipped = None;
        }
    }
    code
}

/// The paths of a tree of `use`.
fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, inner)) = tree.split_once('{') else {
        let path = tree.trim().trim_end_matches("::self");
        return if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
    };
    let (mut depth, mut paths) = (0, Vec::new());
    let apart = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0 || depth < 0
    };
    for part in inner.split(apart) {
        paths.extend(expand(part).into_iter().map(|path| format!("{}{path}", prefix.trim())));
    }
    paths.iter().map(|path| path.trim_end_matches("::self").to_owned()).collect()
}
