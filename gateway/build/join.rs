//! Joins modules into few files: a phone far away waits for each file, and one compresses better than many.
//!
//! A file holds all that its entrance imports, and what those import. What is imported only when it is wanted
//! (`import('./it.js')`) is an entrance of its own; what it shares with the main file it takes from there. Our modules keep to a
//! plain form, which is all that is read here: imports of names, each on a line; exports where things are declared; no circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A module, taken apart.
struct Module {
    /// Without its imports, and with its exports as plain declarations.
    body: String,
    /// Which names it takes, and from which module.
    imports: Vec<(String, String)>,
    exports: Vec<String>,
    /// What it may load later.
    wanted_later: Vec<String>,
}

/// Joins modules, given by name, into the main file and one for each that is wanted later.
pub(crate) fn join(sources: &BTreeMap<String, String>, main: &str) -> BTreeMap<String, String> {
    let modules: BTreeMap<_, _> = sources.iter().map(|(name, source)| (name.as_str(), take_apart(name, source))).collect();
    let in_main = in_order(&modules, main);
    let later: BTreeSet<_> = modules.values().flat_map(|module| &module.wanted_later).collect();

    let mut taken_from_main = BTreeSet::new();
    let mut files = BTreeMap::new();
    for entrance in later {
        assert!(!in_main.contains(&entrance.as_str()), "{entrance} is imported and wanted later: one of the two is too much");
        let (shared, own): (Vec<_>, Vec<_>) = in_order(&modules, entrance).into_iter().partition(|name| in_main.contains(name));
        let mut file = String::new();
        if !shared.is_empty() {
            let names: Vec<_> = shared.iter().map(|name| scope(name)).collect();
            writeln!(file, "import {{ {} }} from './{main}';", names.join(", ")).expect("a string takes everything");
            taken_from_main.extend(names);
        }
        file.extend(own.iter().map(|name| in_scope(&modules, name)));
        let exports = modules[entrance.as_str()].exports.join(", ");
        writeln!(file, "export const {{ {exports} }} = {};", scope(entrance)).expect("a string takes everything");
        files.insert(entrance.clone(), file);
    }
    let mut file: String = in_main.iter().map(|name| in_scope(&modules, name)).collect();
    let shared: Vec<_> = taken_from_main.into_iter().collect();
    if !shared.is_empty() {
        writeln!(file, "export {{ {} }};", shared.join(", ")).expect("a string takes everything");
    }
    files.insert(main.to_owned(), file);
    let joined: BTreeSet<_> =
        files.values().flat_map(|file| modules.keys().filter(|name| file.contains(&declaration(name)))).collect();
    let left: Vec<_> = modules.keys().filter(|name| !joined.contains(name)).collect();
    assert!(left.is_empty(), "nothing imports {left:?}");
    files
}

fn take_apart(name: &str, source: &str) -> Module {
    let mut module = Module { body: String::new(), imports: Vec::new(), exports: Vec::new(), wanted_later: Vec::new() };
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("import ") {
            let import = rest.strip_prefix("{ ").and_then(|rest| rest.strip_suffix("';")?.split_once(" } from './"));
            let (names, from) = import.unwrap_or_else(|| panic!("{name} imports in another form: {line}"));
            module.imports.push((names.replace(" as ", ": "), from.to_owned()));
            continue;
        }
        let line = if let Some(declared) = line.strip_prefix("export ") {
            let declares = ["const ", "class ", "function ", "async function ", "function* ", "async function* "];
            let rest = declares.iter().find_map(|keyword| declared.strip_prefix(keyword));
            let rest = rest.unwrap_or_else(|| panic!("{name} exports in another form: {line}"));
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            module.exports.push(rest[..end].to_owned());
            declared
        } else {
            line
        };
        let later = line.split("import('./").skip(1).filter_map(|rest| Some(rest.split_once('\'')?.0.to_owned()));
        // In a JSDoc type it loads nothing.
        if !line.trim_start().starts_with(['*', '/']) {
            module.wanted_later.extend(later);
        }
        module.body.push_str(line);
        module.body.push('\n');
    }
    module
}

/// Lists what comes with `entrance`: each module after those that it imports.
fn in_order<'a>(modules: &'a BTreeMap<&str, Module>, entrance: &'a str) -> Vec<&'a str> {
    fn visit<'a>(modules: &'a BTreeMap<&str, Module>, name: &'a str, above: &mut Vec<&'a str>, order: &mut Vec<&'a str>) {
        assert!(!above.contains(&name), "{name} imports itself by way of {above:?}");
        if order.contains(&name) {
            return;
        }
        above.push(name);
        let module = modules.get(name).unwrap_or_else(|| panic!("there is no {name}, which {above:?} imports"));
        for (_, from) in &module.imports {
            visit(modules, from, above, order);
        }
        above.pop();
        order.push(name);
    }
    let mut order = Vec::new();
    visit(modules, entrance, &mut Vec::new(), &mut order);
    order
}

/// Writes a module as a scope of its own, which gives what it exports.
fn in_scope(modules: &BTreeMap<&str, Module>, name: &str) -> String {
    let Module { body, imports, exports, .. } = &modules[name];
    let mut text = declaration(name);
    for (names, from) in imports {
        writeln!(text, "const {{ {names} }} = {};", scope(from)).expect("a string takes everything");
    }
    write!(text, "{body}\nreturn {{ {} }};\n}})();\n", exports.join(", ")).expect("a string takes everything");
    text
}

fn declaration(name: &str) -> String {
    format!("const {} = (() => {{\n", scope(name))
}

/// Names a module's scope; nothing else in our modules begins with a dollar.
fn scope(name: &str) -> String {
    format!("${}", name.trim_end_matches(".js").replace('-', "_"))
}
