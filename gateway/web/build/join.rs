//! Joins modules into few files: a phone far away waits for each file, and one compresses better than many.
//!
//! A file holds all that its entrance imports, and what those import. What is imported only when it is wanted
//! (`import('./it.js')`) is an entrance of its own; what it shares with the main file it takes from there. Our modules keep to a
//! plain form, which is all that is read here: imports of names, each on a line; exports where things are declared; no circles.

use std::collections::{BTreeMap, BTreeSet};

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

type Modules<'a> = BTreeMap<&'a str, Module>;

/// Joins modules, given by name, into the main file and one for each that is wanted later; an error says which cannot be.
pub(crate) fn join(sources: &BTreeMap<String, String>, main: &str) -> Result<BTreeMap<String, String>, String> {
    let apart = sources.iter().map(|(name, source)| Ok((name.as_str(), take_apart(name, source)?)));
    let modules = apart.collect::<Result<Modules<'_>, String>>()?;
    let in_main = in_order(&modules, main)?;
    let later: BTreeSet<_> = modules.values().flat_map(|module| &module.wanted_later).collect();

    let mut taken_from_main = BTreeSet::new();
    let mut files = BTreeMap::new();
    for entrance in later {
        if in_main.contains(&entrance.as_str()) {
            return Err(format!("{entrance} is imported and wanted later: one of the two is too much"));
        }
        let all = in_order(&modules, entrance)?;
        let (shared, own): (Vec<_>, Vec<_>) = all.into_iter().partition(|name| in_main.contains(name));
        let mut parts = Vec::new();
        if !shared.is_empty() {
            let names: Vec<_> = shared.iter().map(|name| scope(name)).collect();
            parts.push(format!("import {{ {} }} from './{main}';\n", names.join(", ")));
            taken_from_main.extend(names);
        }
        for name in own {
            parts.push(in_scope(name, module(&modules, name)?));
        }
        let exports = module(&modules, entrance)?.exports.join(", ");
        parts.push(format!("export const {{ {exports} }} = {};\n", scope(entrance)));
        files.insert(entrance.clone(), parts.concat());
    }
    let mut parts = Vec::new();
    for name in in_main {
        parts.push(in_scope(name, module(&modules, name)?));
    }
    if !taken_from_main.is_empty() {
        let names: Vec<_> = taken_from_main.into_iter().collect();
        parts.push(format!("export {{ {} }};\n", names.join(", ")));
    }
    files.insert(main.to_owned(), parts.concat());
    match modules.keys().find(|name| !files.values().any(|file| file.contains(&declaration(name)))) {
        Some(left) => Err(format!("nothing imports {left}")),
        None => Ok(files),
    }
}

fn module<'a>(modules: &'a Modules<'_>, name: &str) -> Result<&'a Module, String> {
    modules.get(name).ok_or_else(|| format!("there is no {name}"))
}

fn take_apart(name: &str, source: &str) -> Result<Module, String> {
    let mut module = Module { body: String::new(), imports: Vec::new(), exports: Vec::new(), wanted_later: Vec::new() };
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("import ") {
            let import = rest.strip_prefix("{ ").and_then(|rest| rest.strip_suffix("';")?.split_once(" } from './"));
            let (names, from) = import.ok_or_else(|| format!("{name} imports in another form: {line}"))?;
            module.imports.push((names.replace(" as ", ": "), from.to_owned()));
            continue;
        }
        let line = if let Some(declared) = line.strip_prefix("export ") {
            let declares = ["const ", "class ", "function ", "async function ", "function* ", "async function* "];
            let rest = declares.iter().find_map(|keyword| declared.strip_prefix(keyword));
            let rest = rest.ok_or_else(|| format!("{name} exports in another form: {line}"))?;
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            module.exports.push(rest.split_at(end).0.to_owned());
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
    Ok(module)
}

/// Lists what comes with `entrance`: each module after those that it imports.
fn in_order<'a>(modules: &'a Modules<'_>, entrance: &'a str) -> Result<Vec<&'a str>, String> {
    fn visit<'a>(
        modules: &'a Modules<'_>,
        name: &'a str,
        above: &mut Vec<&'a str>,
        order: &mut Vec<&'a str>,
    ) -> Result<(), String> {
        if above.contains(&name) {
            return Err(format!("{name} imports itself by way of {above:?}"));
        }
        if order.contains(&name) {
            return Ok(());
        }
        above.push(name);
        for (_, from) in &module(modules, name)?.imports {
            visit(modules, from, above, order)?;
        }
        above.pop();
        order.push(name);
        Ok(())
    }
    let mut order = Vec::new();
    visit(modules, entrance, &mut Vec::new(), &mut order)?;
    Ok(order)
}

/// Writes a module as a scope of its own, which gives what it exports.
fn in_scope(name: &str, Module { body, imports, exports, .. }: &Module) -> String {
    let imports: Vec<_> = imports.iter().map(|(names, from)| format!("const {{ {names} }} = {};\n", scope(from))).collect();
    let imports = imports.concat();
    format!("{}{imports}{body}\nreturn {{ {} }};\n}})();\n", declaration(name), exports.join(", "))
}

fn declaration(name: &str) -> String {
    format!("const {} = (() => {{\n", scope(name))
}

/// Names a module's scope; nothing else in our modules begins with a dollar.
fn scope(name: &str) -> String {
    format!("${}", name.trim_end_matches(".js").replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined<const N: usize>(modules: [(&str, &str); N]) -> Result<BTreeMap<String, String>, String> {
        join(&modules.map(|(name, source)| (name.to_owned(), source.to_owned())).into(), "main.js")
    }

    #[test]
    fn a_module_comes_after_what_it_imports_and_once() {
        let files = joined([
            ("dom.js", "export const h = 1;\n"),
            ("chat-view.js", "import { h as draw } from './dom.js';\nexport function show() {}\n"),
            ("main.js", "import { show } from './chat-view.js';\nimport { h } from './dom.js';\nshow(h);\n"),
        ])
        .unwrap();
        let expected = "const $dom = (() => {\nconst h = 1;\n\nreturn { h };\n})();\n\
            const $chat_view = (() => {\nconst { h: draw } = $dom;\nfunction show() {}\n\nreturn { show };\n})();\n\
            const $main = (() => {\nconst { show } = $chat_view;\nconst { h } = $dom;\nshow(h);\n\nreturn {  };\n})();\n";
        assert_eq!(files, BTreeMap::from([("main.js".to_owned(), expected.to_owned())]));
    }

    #[test]
    fn what_is_wanted_later_takes_from_the_main_file_what_is_there() {
        let files = joined([
            ("dom.js", "export const h = 1;\n"),
            ("grid.js", "export const cells = 4;\n"),
            ("code.js", "import { h } from './dom.js';\nimport { cells } from './grid.js';\nexport const code = h + cells;\n"),
            ("main.js", "import { h } from './dom.js';\nconst tap = () => import('./code.js');\n"),
        ])
        .unwrap();
        assert_eq!(files.len(), 2);
        assert!(files["main.js"].ends_with("export { $dom };\n") && !files["main.js"].contains("cells"));
        let code = &files["code.js"];
        assert!(code.starts_with("import { $dom } from './main.js';\nconst $grid = "), "{code}");
        assert!(code.ends_with("export const { code } = $code;\n"), "{code}");
    }

    #[test]
    fn what_cannot_be_joined_is_told() {
        let told = |modules| joined(modules).unwrap_err();
        assert_eq!(
            told([("main.js", "import h from './dom.js';\n")]),
            "main.js imports in another form: import h from './dom.js';"
        );
        assert_eq!(told([("main.js", "export default 1;\n")]), "main.js exports in another form: export default 1;");
        assert_eq!(told([("main.js", "import { h } from './dom.js';\n")]), "there is no dom.js");
        let circle = joined([("a.js", "import { b } from './main.js';\n"), ("main.js", "import { a } from './a.js';\n")]);
        assert_eq!(circle.unwrap_err(), "main.js imports itself by way of [\"main.js\", \"a.js\"]");
        let alone = joined([("a.js", "export const a = 1;\n"), ("main.js", "\n")]);
        assert_eq!(alone.unwrap_err(), "nothing imports a.js");
    }
}
