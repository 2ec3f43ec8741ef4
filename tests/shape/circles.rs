//! No circle of files: whoever reads a file needs no file that needs it back.
//!
//! An arrow leads from a file to the file that defines what it names, through re-exports; within one crate, for between crates Cargo
//! forbids circles. Tests are left out, and so are arrows between a module and its own children, which stand in one another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMod, UseTree, Visibility};

use super::sources::sources;

/// A module's path within its crate, empty for the root.
type Module = Vec<String>;

/// The modules of a crate, each with its file, what it declares and what it re-exports.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Module, Contents>,
}

struct Contents {
    file: File,
    /// Names that `use` brings in, with the whole path each stands for.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths of which everything is brought in.
    globs: Vec<Vec<String>>,
}

#[test]
fn files_do_not_lead_back_to_themselves() {
    let mut circles = Vec::new();
    let mut arrows_seen = 0;
    for (name, found) in crates() {
        let arrows = found.arrows();
        arrows_seen += arrows.values().map(BTreeSet::len).sum::<usize>();
        for group in strongly_connected(&arrows) {
            let ties = group.iter().flat_map(|from| {
                let to = arrows.get(from).into_iter().flatten().filter(|to| group.contains(*to));
                to.map(|to| format!("{} -> {}", from.join("::"), to.join("::")))
            });
            circles.push(format!("{name}: {}", ties.collect::<Vec<_>>().join(", ")));
        }
    }
    assert!(arrows_seen > 300, "the arrows are where they are looked for: {arrows_seen}");
    assert_eq!(circles, [""; 0], "files that need each other");
}

/// Groups our files by crate; `src/` folders only.
fn crates() -> BTreeMap<String, Crate> {
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    for (path, text) in sources() {
        let Some((of_crate, inner)) = split(&path) else { continue };
        if inner.iter().any(|part| part == "tests") {
            continue;
        }
        let file = syn::parse_file(&text).unwrap();
        let contents = Contents::of(file, &inner);
        crates.entry(of_crate).or_default().modules.insert(inner, contents);
    }
    crates
}

/// Splits a file's path into its crate's folder and its module.
fn split(path: &Path) -> Option<(String, Module)> {
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let src = parts.iter().position(|part| part == "src")?;
    let mut module: Module = parts.get(src + 1..)?.to_vec();
    let file = module.pop()?;
    match file.strip_suffix(".rs")? {
        "lib" | "main" | "mod" => {}
        stem => module.push(stem.to_owned()),
    }
    Some((parts.get(..src)?.join("/"), module))
}

impl Contents {
    fn of(file: File, module: &Module) -> Self {
        let mut contents = Self { imports: BTreeMap::new(), globs: Vec::new(), file };
        let mut found = Vec::new();
        for item in &contents.file.items {
            if let Item::Use(item) = item
                && !is_for_tests(&item.attrs)
            {
                flatten(&item.tree, &mut Vec::new(), &mut found);
            }
        }
        for (mut full, name) in found {
            absolute(&mut full, module);
            match name {
                Some(name) => {
                    contents.imports.insert(name, full);
                }
                None => contents.globs.push(full),
            }
        }
        contents
    }

    /// Tells whether an item of this name is defined here.
    fn defines(&self, name: &str) -> bool {
        self.file.items.iter().any(|item| {
            let ident = match item {
                Item::Const(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Fn(item) => &item.sig.ident,
                Item::Static(item) => &item.ident,
                Item::Struct(item) => &item.ident,
                Item::Trait(item) => &item.ident,
                Item::Type(item) => &item.ident,
                Item::Macro(item) => return item.ident.as_ref().is_some_and(|ident| ident == name),
                _ => return false,
            };
            ident == name
        })
    }
}

/// Lists what a `use` brings in: the path, and the name it gets; none for all names of a path.
fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<(Vec<String>, Option<String>)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => found.push((before.clone(), before.last().cloned())),
        UseTree::Name(name) => {
            found.push(([before.as_slice(), &[name.ident.to_string()]].concat(), Some(name.ident.to_string())));
        }
        UseTree::Rename(name) => {
            found.push(([before.as_slice(), &[name.ident.to_string()]].concat(), Some(name.rename.to_string())));
        }
        UseTree::Glob(_) => found.push((before.clone(), None)),
        UseTree::Group(group) => group.items.iter().for_each(|item| flatten(item, before, found)),
    }
}

/// Writes a path from the crate's root, with `crate` before it; what begins otherwise is left as it is.
fn absolute(path: &mut Vec<String>, module: &Module) {
    let mut base = match path.first().map(String::as_str) {
        Some("self") => module.clone(),
        Some("super") => module.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default(),
        _ => return,
    };
    path.remove(0);
    while path.first().is_some_and(|part| part == "super") {
        path.remove(0);
        base.pop();
    }
    base.insert(0, "crate".to_owned());
    path.splice(..0, base);
}

impl Crate {
    /// Draws the arrows between modules, but for those between parents and children.
    fn arrows(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let mut arrows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (module, contents) in &self.modules {
            let mut paths = Paths::default();
            paths.visit_file(&contents.file);
            for mut path in paths.0.into_iter().chain(contents.imports.values().cloned()).chain(contents.globs.iter().cloned()) {
                absolute(&mut path, module);
                if let Some(to) = self.definition(module, &path, 0)
                    && to != *module
                    && !is_parent(&to, module)
                    && !is_parent(module, &to)
                {
                    arrows.entry(module.clone()).or_default().insert(to);
                }
            }
        }
        arrows
    }

    /// Finds the module that defines what a path names, seen from a module.
    fn definition(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        if depth > 16 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let (mut at, mut rest) = if first == "crate" { (Vec::new(), rest) } else { (from.clone(), path) };
        while let Some((name, after)) = rest.split_first() {
            let contents = self.modules.get(&at)?;
            let child = [at.as_slice(), std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&child) {
                (at, rest) = (child, after);
                continue;
            }
            if contents.defines(name) {
                return Some(at);
            }
            if let Some(full) = contents.imports.get(name) {
                // A name of another crate's leads out of this one.
                let next = [full.as_slice(), after].concat();
                return if next == path && at == *from { None } else { self.definition(&at, &next, depth + 1) };
            }
            return contents.globs.iter().find_map(|glob| {
                let next = [glob.as_slice(), rest].concat();
                (next.len() < 32 && glob.first().is_some_and(|first| first == "crate"))
                    .then(|| self.definition(&at, &next, depth + 1))
                    .flatten()
            });
        }
        Some(at)
    }
}

fn is_parent(parent: &Module, child: &Module) -> bool {
    child.split_last().is_some_and(|(_, before)| before == parent.as_slice())
}

/// Collects the paths that code names, tests left out.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|argument| argument.is_ident("test"))
    })
}

/// Finds the groups of modules that lead to one another, by where each leads in any number of steps.
fn strongly_connected(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<BTreeSet<Module>> {
    let reach = |from: &Module| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(module) = next.pop() {
            for to in arrows.get(module).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    next.push(to);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> = arrows.keys().map(|module| (module, reach(module))).collect();
    let mut groups: Vec<BTreeSet<Module>> = Vec::new();
    for (module, leads_to) in &reached {
        if leads_to.contains(*module) && !groups.iter().any(|group| group.contains(*module)) {
            let group = leads_to.iter().filter(|other| reached.get(other).is_some_and(|back| back.contains(*module)));
            groups.push(group.cloned().collect());
        }
    }
    groups
}

#[test]
fn a_circle_is_seen_through_a_re_export() {
    let module = |name: &str, text: &str| {
        let module: Module = if name.is_empty() { vec![] } else { name.split('/').map(str::to_owned).collect() };
        let contents = Contents::of(syn::parse_file(text).unwrap(), &module);
        (module, contents)
    };
    let circles = |modules: Vec<(Module, Contents)>| {
        let found = Crate { modules: modules.into_iter().collect() };
        strongly_connected(&found.arrows()).len()
    };
    let root = || module("", "mod a; mod b; pub use b::B;");
    let a = || module("a", "use crate::B; pub struct A; fn f(_: B) {}");
    assert_eq!(circles(vec![root(), a(), module("b", "pub struct B;")]), 0);
    assert_eq!(circles(vec![root(), a(), module("b", "pub struct B; fn g() -> crate::a::A { todo!() }")]), 1);
    assert_eq!(circles(vec![root(), a(), module("b", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }")]), 0);
}
